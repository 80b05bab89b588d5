import { useMutation } from '@apollo/client/react';
import { isProblem } from '@taskgraph/client';
import { LoginDocument } from '@taskgraph/client/operations';
import type { FormEvent } from 'react';

/** The session begins by itself when the answer comes: nothing is to be done with its tokens. */
export function Login() {
  const [login, { data, error, loading }] = useMutation(LoginDocument);
  const result = data?.login;

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const input = { email: form.get('email') as string, password: form.get('password') as string };
    void login({ variables: { input } }).catch(() => undefined);
  }

  return (
    <form onSubmit={submit}>
      <h1>Log in</h1>
      <label>
        E-mail <input name="email" type="email" autoComplete="username" required />
      </label>{' '}
      <label>
        Password <input name="password" type="password" autoComplete="current-password" required />
      </label>{' '}
      <button disabled={loading}>Log in</button>
      {isProblem(result) && <p role="alert">{result.message}</p>}
      {error && <p role="alert">{error.message}</p>}
    </form>
  );
}
