import { useState, type FormEvent } from 'react';
import type { ExplorerSettings } from '../explorer-settings.js';
import { completeLogin, logIn, logOut, useSession } from './session.js';

/** Says who is signed in, and signs in: by one click with the accounts that are offered, or with an address and a password. */
export function LoginBar({ settings: { endpoint, logins } }: { readonly settings: ExplorerSettings }) {
  const { userName, problem, challenge } = useSession();
  const [opens, setOpens] = useState(false);

  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: string) => {
      const value = form.get(name);
      return typeof value === 'string' ? value : '';
    };
    if (challenge !== null) void completeLogin(endpoint, text('code'));
    else void logIn(endpoint, text('email'), text('password'));
  };

  return (
    <header className="login-bar" aria-label="Sign in">
      {userName !== null ? (
        <>
          <span role="status">Signed in as {userName}</span>
          <button type="button" onClick={() => void logOut(endpoint)}>
            Log out
          </button>
        </>
      ) : (
        <>
          <span role="status">Nobody is signed in</span>
          {logins.map(({ name, email, password }) => (
            <button key={email} type="button" onClick={() => void logIn(endpoint, email, password)}>
              Log in as {name}
            </button>
          ))}
          {!opens && challenge === null && (
            <button type="button" onClick={() => setOpens(true)}>
              Log in …
            </button>
          )}
          {(opens || challenge !== null) && (
            <form onSubmit={submit}>
              {challenge !== null ? (
                <input name="code" aria-label="Code" placeholder="Code" autoComplete="one-time-code" required />
              ) : (
                <>
                  <input
                    name="email"
                    type="email"
                    aria-label="Email"
                    placeholder="Email"
                    autoComplete="username"
                    required
                  />
                  <input
                    name="password"
                    type="password"
                    aria-label="Password"
                    placeholder="Password"
                    autoComplete="current-password"
                    required
                  />
                </>
              )}
              <button type="submit">Log in</button>
            </form>
          )}
        </>
      )}
      {problem !== null && (
        <span className="problem" role="alert">
          {problem}
        </span>
      )}
    </header>
  );
}
