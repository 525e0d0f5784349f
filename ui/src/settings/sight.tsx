/** What a user or a role sees: two fields of a form. The server adds the query to all that is asked. */
import { Field, list, text } from '../ui/field';

export function SightFields({ of }: { of: { filter?: string | null; hidden?: readonly string[] } | null }) {
  return (
    <>
      <Field
        label="Sees only"
        name="filter"
        class="mono"
        value={of?.filter ?? ''}
        autoComplete="off"
        note="A query that is added to all that is asked, e.g. host:web*. Empty: everything"
      />
      <Field
        label="Hidden fields"
        name="hidden"
        class="mono"
        value={of?.hidden?.join(', ') ?? ''}
        autoComplete="off"
        note="Names, with commas between them"
      />
    </>
  );
}

/** What was typed there. */
export function sight(f: HTMLFormElement): { filter: string; hidden: string[] } {
  return { filter: text(f, 'filter'), hidden: list(f, 'hidden') };
}
