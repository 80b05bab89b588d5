export interface DemoPerson {
  readonly displayName: string;
  readonly email: string;
  readonly password: string;
}

/** Nobody reaches these accounts from outside of the machine; their passwords are printed at every start. */
export const MARA: DemoPerson = {
  displayName: 'Mara Lindqvist',
  email: 'mara@example.com',
  password: 'paper boats sail north',
};

export const JONAS: DemoPerson = {
  displayName: 'Jonas Okafor',
  email: 'jonas@example.com',
  password: 'quiet shelves hum along',
};

export const PEOPLE = { mara: MARA, jonas: JONAS } as const;
export type DemoPersonKey = keyof typeof PEOPLE;
