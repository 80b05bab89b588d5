import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import type { JsonSchema } from './json-schema.js';
import type { FieldError } from './problem.js';

/** Says what is wrong with a value; empty when nothing is. */
type Validate = (value: unknown, isSmall: boolean) => readonly FieldError[];

const OPTIONS = { strict: false, validateFormats: true };
const MAX_TOLD = 20;

const first = new Ajv2020(OPTIONS);
/** Each fault of a large body would be an object: there the first is told. */
const all = new Ajv2020({ ...OPTIONS, allErrors: true });
formats.default(first);
formats.default(all);

export function createValidate(schema: JsonSchema, place: FieldError['in']): Validate {
  const isValid = first.compile(schema);
  const findAll = all.compile(schema);
  return (value, isSmall) => {
    if (isValid(value)) return [];
    const check = isSmall ? findAll : isValid;
    check(value);
    return (check.errors ?? []).slice(0, MAX_TOLD).map((error) => toFieldError(error, place));
  };
}

function toFieldError({ keyword, instancePath, params, message }: ErrorObject, place: FieldError['in']): FieldError {
  const { additionalProperty, missingProperty } = params as Record<string, string | undefined>;
  const name = additionalProperty ?? missingProperty;
  const steps = name === undefined ? instancePath : `${instancePath}/${escape(name)}`;
  const detail =
    keyword === 'additionalProperties' ? 'is not known here' : keyword === 'required' ? 'is missing' : String(message);
  return { in: place, at: place === 'query' ? steps.slice(1) : steps, detail };
}

/** RFC 6901, section 3. */
function escape(name: string): string {
  return name.slice(0, 100).replaceAll('~', '~0').replaceAll('/', '~1');
}
