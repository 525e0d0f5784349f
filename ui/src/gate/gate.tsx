/**
 * Log-in, and the page behind the link of a first start. It lies over the page when a session ends, so
 * that nothing that was typed there is lost.
 */
import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, loginWays, me, send, sentence } from '../api';
import type { Me } from '../api-types';
import { Button } from '../ui/button';
import { Field, secret, text } from '../ui/field';
import { Failure } from '../ui/marks';
import { go, route } from '../url';

const MIN_PASSWORD = 8;
/** Where the address waits while somebody logs in elsewhere. */
export const RETURN_KEY = 'loggr.return';

export function Gate() {
  const first = route.value.view === 'first';
  return <div class="gate">{first ? <First /> : <Login />}</div>;
}

/** The form's state: what went wrong, and how long to wait. */
function useSend(call: (form: HTMLFormElement) => Promise<void>) {
  const [failed, setFailed] = useState('');
  const [busy, setBusy] = useState(false);
  const onSubmit = async (ev: SubmitEvent) => {
    ev.preventDefault();
    const form = ev.currentTarget as HTMLFormElement;
    setBusy(true);
    setFailed('');
    try {
      await call(form);
    } catch (error) {
      setFailed(
        error instanceof ApiError && error.status === 401 && !error.problem.detail
          ? 'Name or password is wrong'
          : sentence(error),
      );
      form.querySelector<HTMLInputElement>('input[type=password]')?.focus();
    }
    setBusy(false);
  };
  return { failed, busy, onSubmit };
}

function Login() {
  const ways = loginWays.value;
  const lost = useRef(document.querySelector('.top') !== null);
  const name = useRef<HTMLFormElement>(null);
  useEffect(() => name.current?.querySelector('input')?.focus(), []);
  const { failed, busy, onSubmit } = useSend(async (form) => {
    me.value = await send<Me>('POST', 'login', {
      user: text(form, 'user'),
      password: secret(form, 'password'),
    });
  });
  return (
    <form ref={name} onSubmit={onSubmit}>
      <div>
        <h1>Log in to loggr</h1>
        <p class="sub">{lost.current ? 'Your session has ended. What you typed is kept.' : location.host}</p>
      </div>
      <div role="alert">
        <Failure what={failed || (ways.problem ?? '')} />
      </div>
      {ways.first && (
        <p class="note">
          There is no user yet. The log of loggr shows a link that makes the first administrator; so does{' '}
          <code>loggr user add</code>.
        </p>
      )}
      {ways.form && (
        <>
          <Field label="Name" name="user" required autoComplete="username" />
          <Field label="Password" name="password" type="password" required autoComplete="current-password" />
          <Button kind="primary" size="normal" submit disabled={busy}>
            Log in
          </Button>
        </>
      )}
      {ways.oidc && (
        <Button
          kind="plain"
          size="normal"
          onClick={() => {
            sessionStorage.setItem(RETURN_KEY, location.hash);
            location.assign('api/login/oidc');
          }}
        >
          Continue with {ways.oidc}
        </Button>
      )}
      <p class="dim">No account? Ask an administrator of this installation.</p>
    </form>
  );
}

function First() {
  const { failed, busy, onSubmit } = useSend(async (form) => {
    const password = secret(form, 'password');
    if (password !== secret(form, 'again')) throw new Error('The two passwords differ');
    const body = { code: route.peek().code, user: text(form, 'user'), password };
    me.value = await send<Me>('POST', 'login/link', body);
    go({ view: 'explore', code: '' }, 'replace');
  });
  return (
    <form onSubmit={onSubmit}>
      <div>
        <h1>Welcome to loggr</h1>
        <p class="sub">This link works once. It makes the first administrator.</p>
      </div>
      <div role="alert">
        <Failure what={failed} />
      </div>
      <Field label="Name" name="user" required value="admin" autoComplete="username" />
      <Field
        label="Password"
        name="password"
        type="password"
        required
        minLength={MIN_PASSWORD}
        autoComplete="new-password"
      />
      <Field label="Password again" name="again" type="password" required autoComplete="new-password" />
      <p class="note">
        At least {MIN_PASSWORD} characters. A sentence is good; digits and signs are not asked for.
      </p>
      <Button kind="primary" size="normal" submit disabled={busy}>
        Create the administrator
      </Button>
    </form>
  );
}
