import { clientName } from '../plan/client-names.js';
import { compactTexts } from '../../request/compact-texts.js';
import type { Appender } from './append-run.js';
import type { Maker } from './make-run.js';
import type { Run } from './writer-run.js';

/** Writes one value; null is JSON's null. */
export type ValueWriter = (value: unknown, run: Run) => string | null;

/** What stands before a value, by what it is; its own first character or whole text is in it where that is always the same. */
interface Heads {
  /** `"name":` */
  readonly any: string;
  /** `"name":"` */
  readonly string: string;
  /** `"name":null` */
  readonly null: string;
  /** `"name":` and what is known beforehand. */
  readonly constant: string;
}

/** Writes one field of an object of one type. */
export interface FieldWriter {
  /** Of the member in the data. */
  readonly name: string;
  /** In the answer. */
  readonly responseName: string;
  /** For the first field of an object they begin with a brace, for others with a comma. */
  readonly heads: Heads;
  /** The same behind a string whose quotation mark is still to come. */
  readonly headsInString: Heads;
  /** Set for what is known beforehand: the type's name. */
  readonly constant: string | null;
  /** The same as a value. */
  readonly typename: string | null;
  readonly nonNull: boolean;
  readonly coordinate: string;
  /** Of an object whose type nobody has told: it lacks its name, whatever stands there. */
  readonly isUntold: boolean;
  /** What it is when there is no value: null, where somebody said so; null in any case; never right. */
  readonly nothing: 'null' | 'always null' | 'wrong';
  /** Tells values that are written between quotation marks as they are, where no string needs an escape; null where none are. */
  readonly isString: ((value: unknown) => boolean) | null;
  readonly append: Appender;
  readonly make: Maker;
  readonly write: ValueWriter;
}

/** A field whose place in its object is not known yet. */
export type HeadlessWriter = Omit<FieldWriter, 'heads' | 'headsInString' | 'responseName'>;

export function withHeads(field: HeadlessWriter, index: number): FieldWriter {
  const responseName = clientName(field.name);
  const headsBehind = (before: string): Heads => {
    const any = `${before}${JSON.stringify(responseName)}:`;
    return { any, string: `${any}"`, null: `${any}null`, constant: `${any}${field.constant ?? ''}` };
  };
  const separator = index === 0 ? '{' : ',';
  return {
    ...field,
    responseName,
    heads: compactTexts(headsBehind(separator)),
    headsInString: compactTexts(headsBehind(`"${separator}`)),
  };
}
