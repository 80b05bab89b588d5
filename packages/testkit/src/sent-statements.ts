import pg from 'pg';

/** A statement as pg got it. */
export interface SentStatement {
  readonly text: string;
  readonly values: readonly unknown[];
  /** Of one that is prepared. */
  readonly name?: string;
}

type Query = (this: unknown, ...args: unknown[]) => unknown;

/**
 * Runs `work` and tells the statements that went through the pool meanwhile, on whichever of its connections, those of transactions
 * included; what begins and ends these is left out. A pool has a class of clients of its own (`createPgPool`), so others are not heard.
 */
export async function recordStatements<Result>(
  pool: pg.Pool,
  work: () => Promise<Result>,
): Promise<{ result: Result; statements: SentStatement[] }> {
  const { Client } = pool as unknown as { readonly Client: typeof pg.Client };
  const clients = Client.prototype as unknown as { query: Query };
  if (Client === pg.Client || !Object.hasOwn(clients, 'query'))
    throw new Error('the pool was not made by createPgPool');
  const original = clients.query;
  const statements: SentStatement[] = [];
  clients.query = function (...args) {
    const sent = toStatement(args);
    if (!TRANSACTION_CONTROL.test(sent.text)) statements.push(sent);
    return original.apply(this, args);
  };
  try {
    return { result: await work(), statements };
  } finally {
    clients.query = original;
  }
}

/** As {@link recordStatements}, by their texts alone. */
export async function countStatements<Result>(
  pool: pg.Pool,
  work: () => Promise<Result>,
): Promise<{ result: Result; statements: string[] }> {
  const { result, statements } = await recordStatements(pool, work);
  return { result, statements: statements.map(({ text }) => text) };
}

const TRANSACTION_CONTROL = /^\s*(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|SET|START TRANSACTION)\b/i;

/** pg takes a text with values, or an object that has both. */
function toStatement([first, second]: unknown[]): SentStatement {
  const given = typeof first === 'string' ? { text: first } : (first as Partial<SentStatement>);
  const values = given.values ?? (Array.isArray(second) ? (second as unknown[]) : []);
  return { text: given.text ?? '', values, ...(given.name !== undefined && { name: given.name }) };
}
