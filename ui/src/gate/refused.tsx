/**
 * Views that the reader's role may not see: why not, and who can change that. The server decides; this
 * says it before anything is asked of it.
 */
import { may, me } from '../api';
import { clean } from '../list/text';
import { Button } from '../ui/button';
import { Empty, Ticks } from '../ui/marks';
import { go, type View } from '../url';

type Part = 'users' | 'roles';

/** Why something is not shown, in a sentence. */
export interface Refusal {
  why: string;
  /** Another role would see it. */
  role: boolean;
}

/** Why the reader may not see it; null if they may. */
export function whyNot(view: View | Part): Refusal | null {
  const user = me.value;
  const why = user ? byRole(view, !!user.restricted) : '';
  if (why) return { why, role: true };
  if (user && view === 'upload' && !user.uploads) {
    return {
      why: 'This process takes no files: it has no queues for events. One that runs listeners and the page, as `loggr run` does, takes them.',
      role: false,
    };
  }
  return null;
}

function byRole(view: View | Part, restricted: boolean): string {
  switch (view) {
    case 'status':
      return restricted ? partOnly('The status') : '';
    case 'rescue':
      if (!may('operate')) return 'The rescue is for operators and administrators.';
      return restricted ? partOnly('The rescue') : '';
    case 'upload':
      return may('operate') ? '' : 'Only operators and administrators bring in files.';
    case 'users':
      return may('administer') ? '' : 'Only administrators see who the users are.';
    case 'roles':
      return may('administer') ? '' : 'Only administrators see what the roles may.';
    default:
      return '';
  }
}

function partOnly(what: string): string {
  return `${what} is about all events, and your role shows you a part of them.`;
}

export function Refused({ why, role }: Refusal) {
  const user = me.value;
  return (
    <Empty title={role ? 'Not for your role' : 'Not here'}>
      <p class="sub">
        <Ticks text={why} />
        {user && role && (
          <>
            {' '}
            You are <b>{clean(user.user)}</b> with the role <b>{clean(user.role)}</b>. An administrator of
            this installation can give you another role.
          </>
        )}
      </p>
      <p>
        <Button kind="plain" onClick={() => go({ view: 'explore', sub: '' })}>
          Go to Explore
        </Button>
      </p>
    </Empty>
  );
}
