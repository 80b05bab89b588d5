import type pg from 'pg';

/** A statement with its values apart, such as `Prisma.sql` composes: `$1` in the text is the first value. */
export interface ComposedSql {
  readonly text: string;
  readonly values: readonly unknown[];
}

/** Reads that pass Prisma's client by, where its share of the work shows. Columns come under the names that the statement gives them. */
export interface PreparedReads {
  /**
   * Runs a statement that PostgreSQL parses and plans once for each connection. For those whose best plan is the same whatever the
   * values are.
   */
  readonly prepared: <Row>(statement: ComposedSql) => Promise<Row[]>;
  /** Runs a statement that is planned for its values each time: such as a filter, which lets much through or little. */
  readonly planned: <Row>(statement: ComposedSql) => Promise<Row[]>;
}

/**
 * Creates the reads of a pool. Statements are known by their text; when there are more of them than `maxStatements`, further ones are
 * planned each time, because each takes memory of every connection and of its server process. None are prepared where it is 0.
 */
export function createPreparedReads(pool: pg.Pool, maxStatements: number): PreparedReads {
  const names = new Map<string, string>();

  function nameOf(text: string): string | undefined {
    const known = names.get(text);
    if (known !== undefined || names.size >= maxStatements) return known;
    const name = `read_${names.size + 1}`;
    names.set(text, name);
    return name;
  }

  async function run<Row>(name: string | undefined, text: string, values: readonly unknown[]): Promise<Row[]> {
    try {
      const { rows } = await pool.query({ text, values: values as unknown[], ...(name !== undefined && { name }) });
      return rows as Row[];
    } catch (cause) {
      // What the driver throws tells nothing of where it was asked; `toDatabaseFault` finds the cause.
      throw new Error('a read failed', { cause });
    }
  }

  return {
    prepared: ({ text, values }) => run(nameOf(text), text, values),
    planned: ({ text, values }) => run(undefined, text, values),
  };
}
