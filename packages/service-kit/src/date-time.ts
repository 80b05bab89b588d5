import { DateTimeResolver as AnyDateTime } from 'graphql-scalars';
import { GraphQLError, GraphQLScalarType } from 'graphql';

/** The years that ISO 8601 writes with four digits without an agreement between sender and receiver, year 0 left out: there was none. */
const FIRST = Date.parse('0001-01-01T00:00:00.000Z');
const LAST = Date.parse('9999-12-31T23:59:59.999Z');

const { parseValue, parseLiteral, ...config } = AnyDateTime.toConfig();

/**
 * The scalar `DateTime`: takes RFC 3339 with any offset, of the years 1 to 9999 in UTC. What lies beyond, PostgreSQL, JSON and
 * clients write each in another way, or not at all.
 */
export const DateTimeResolver = new GraphQLScalarType<Date, Date>({
  ...config,
  parseValue: (value) => assertWritable(parseValue(value)),
  parseLiteral: (node, variables) => assertWritable(parseLiteral(node, variables)),
});

function assertWritable(instant: Date): Date {
  if (instant.getTime() >= FIRST && instant.getTime() <= LAST) return instant;
  throw new GraphQLError('DateTime is of the years 1 to 9999, in UTC.', { extensions: { code: 'BAD_USER_INPUT' } });
}

const WRITTEN = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** Whether a text is an instant as this project writes it, as in a cursor: UTC, milliseconds, a day that exists. */
export function isWrittenInstant(text: string): boolean {
  if (!WRITTEN.test(text)) return false;
  const instant = Date.parse(text);
  return instant >= FIRST && new Date(instant).toISOString() === text;
}
