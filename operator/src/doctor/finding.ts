/** What was looked at, and what is to be done about it. */
export interface Finding {
  readonly name: string;
  readonly state: 'ok' | 'warning' | 'fault';
  readonly what: string;
  readonly advice?: string;
}

export const ok = (name: string, what: string): Finding => ({ name, state: 'ok', what });
export const warning = (name: string, what: string, advice: string): Finding => ({
  name,
  state: 'warning',
  what,
  advice,
});
export const fault = (name: string, what: string, advice: string): Finding => ({ name, state: 'fault', what, advice });
