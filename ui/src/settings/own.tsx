/** The reader's own log-in: the password. */

import { useState } from 'preact/hooks';
import { send, sentence } from '../api';
import { Button } from '../ui/button';
import { Field, secret } from '../ui/field';
import { Failure } from '../ui/marks';
import { toast } from '../ui/say';
import { Box } from '../ui/table';
import { MIN_PASSWORD } from './users';

export function Own() {
  const [failed, setFailed] = useState('');
  const change = async (ev: SubmitEvent) => {
    ev.preventDefault();
    const form = ev.currentTarget as HTMLFormElement;
    if (secret(form, 'new') !== secret(form, 'again')) {
      setFailed('The two new passwords differ');
      return;
    }
    try {
      await send('POST', 'me/password', { old: secret(form, 'old'), new: secret(form, 'new') });
      setFailed('');
      form.reset();
      toast('The password is changed');
    } catch (error) {
      setFailed(sentence(error));
    }
  };
  return (
    <Box title="Your password">
      <form class="upload" onSubmit={change}>
        <div role="alert">
          <Failure what={failed} />
        </div>
        <Field label="Old password" name="old" type="password" required autoComplete="current-password" />
        <Field
          label="New password"
          name="new"
          type="password"
          required
          minLength={MIN_PASSWORD}
          autoComplete="new-password"
          note={`At least ${MIN_PASSWORD} characters`}
        />
        <Field label="New password again" name="again" type="password" required autoComplete="new-password" />
        <div>
          <Button kind="primary" size="normal" submit>
            Change
          </Button>
        </div>
      </form>
    </Box>
  );
}
