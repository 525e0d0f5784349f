/** Inputs with their labels. Not controlled: a form is read when it is sent. */
import type { ComponentChildren } from 'preact';

interface FieldProps {
  label: string;
  name: string;
  note?: ComponentChildren;
  type?: 'text' | 'password' | 'date';
  class?: string;
  value?: string;
  required?: boolean;
  minLength?: number;
  placeholder?: string;
  autoComplete?: string;
  readOnly?: boolean;
  numeric?: boolean;
  onInput?: (ev: InputEvent) => void;
}

/** `value` is what it begins with: what is typed stays when the form is drawn again. */
export function Field({ label, note, class: cls, numeric, type, value, ...input }: FieldProps) {
  return (
    <label class="field">
      <span>{label}</span>
      <input
        class={`in ${cls ?? ''}`.trim()}
        type={type as 'text'}
        inputMode={numeric ? 'numeric' : undefined}
        defaultValue={value}
        {...input}
      />
      {note && <small>{note}</small>}
    </label>
  );
}

interface ChoiceProps {
  label: string;
  name: string;
  value?: string;
  options: readonly (readonly [string, string])[];
  note?: ComponentChildren;
}

export function Choice({ label, name, value, options, note }: ChoiceProps) {
  return (
    <label class="field">
      <span>{label}</span>
      <select class="in" name={name}>
        {options.map(([v, text]) => (
          <option key={v} value={v} selected={v === value}>
            {text}
          </option>
        ))}
      </select>
      {note && <small>{note}</small>}
    </label>
  );
}

export function Check({ label, name, checked }: { label: string; name: string; checked?: boolean }) {
  return (
    <label class="gap">
      <input type="checkbox" name={name} defaultChecked={checked} />
      {label}
    </label>
  );
}

/** The text of an input of a form. */
export function text(form: HTMLFormElement, name: string): string {
  const value = new FormData(form).get(name);
  return typeof value === 'string' ? value.trim() : '';
}

/** A secret, as it was typed. */
export function secret(form: HTMLFormElement, name: string): string {
  const value = new FormData(form).get(name);
  return typeof value === 'string' ? value : '';
}

export function checked(form: HTMLFormElement, name: string): boolean {
  return new FormData(form).has(name);
}

/** `a, b` as a list. */
export function list(form: HTMLFormElement, name: string): string[] {
  return text(form, name)
    .split(',')
    .map((x) => x.trim())
    .filter(Boolean);
}
