import {
  coerceInputValue,
  GraphQLError,
  isInputType,
  isNonNullType,
  print,
  typeFromAST,
  type GraphQLInputType,
  type OperationDefinitionNode,
} from 'graphql';
import { refusalOf } from '../request/refusal.js';
import type { Supergraph } from '../supergraph/supergraph.js';
import { findJsonFault, type JsonFault } from './json-faults.js';

/** Errors that a client is told of; more of them help nobody. */
const MAX_ERRORS = 20;
/** Characters of all messages together, after which no further error is looked for. A value may be as large as a request. */
const MAX_CHARACTERS = 10_000;
const MAX_VALUE_CHARACTERS = 200;

/**
 * Checks the values of an operation's variables against their types (GraphQL specification, section 6.1.2). What a subgraph gets are the
 * values as they came: it coerces them itself.
 *
 * The time that this takes and the size of what a client is told grow with the request and not with its square: each error prints a value,
 * which may be the whole request.
 *
 * @throws Refusal BAD_USER_INPUT
 */
export function checkVariables(
  { supergraph, node }: { readonly supergraph: Supergraph; readonly node: OperationDefinitionNode },
  variables: Readonly<Record<string, unknown>>,
  { hideSuggestions }: { readonly hideSuggestions: boolean },
): void {
  const { variableDefinitions } = node;
  if (!variableDefinitions || variableDefinitions.length === 0) return;
  const faults = new Faults();
  try {
    for (const definition of variableDefinitions) {
      const name = definition.variable.name.value;
      const type = typeFromAST(supergraph.schema, definition.type as never) as GraphQLInputType | undefined;
      const add = (message: string) => faults.add(new GraphQLError(message, { nodes: definition }));
      if (!isInputType(type))
        add(
          `Variable "$${name}" expected value of type "${print(definition.type)}" which cannot be used as an input type.`,
        );
      else if (!Object.hasOwn(variables, name)) {
        if (isNonNullType(type) && !definition.defaultValue)
          add(`Variable "$${name}" of required type "${String(type)}" was not provided.`);
      } else if (variables[name] === null) {
        if (isNonNullType(type)) add(`Variable "$${name}" of non-null type "${String(type)}" must not be null.`);
      } else {
        const value = variables[name];
        const fault = typeof value === 'string' ? null : findJsonFault(value);
        const addFault = ({ path, what }: JsonFault) => {
          const place = path.length > 0 ? ` at "${name}${path.map(step).join('')}"` : '';
          add(`Variable "$${name}" got an invalid value${place}: ${what}, which JSON cannot carry.`);
        };
        if (fault && !fault.isNumber) {
          addFault(fault);
          continue;
        }
        const before = faults.errors.length;
        coerceInputValue(
          value,
          type,
          (path, value, error) => {
            const place = path.length > 0 ? ` at "${name}${path.map(step).join('')}"` : '';
            add(`Variable "$${name}" got invalid value ${describe(value)}${place}; ${error.message}`);
          },
          hideSuggestions,
        );
        if (fault && faults.errors.length === before) addFault(fault);
      }
    }
  } catch (error) {
    if (!(error instanceof Enough)) throw error;
  }
  if (faults.errors.length > 0) throw refusalOf('BAD_USER_INPUT', faults.errors);
}

/** Ends the search for further errors. */
class Enough extends Error {}

class Faults {
  readonly errors: GraphQLError[] = [];
  #characters = 0;

  add(error: GraphQLError): void {
    this.errors.push(error);
    this.#characters += error.message.length;
    if (this.errors.length < MAX_ERRORS && this.#characters < MAX_CHARACTERS) return;
    this.errors.push(new GraphQLError('There are too many errors in the variables: no more are told.'));
    throw new Enough();
  }
}

function step(key: string | number): string {
  return typeof key === 'number' ? `[${key}]` : `.${key}`;
}

function describe(value: unknown): string {
  const text = write(value);
  return text.length > MAX_VALUE_CHARACTERS ? `${text.slice(0, MAX_VALUE_CHARACTERS)}…` : text;
}

function write(value: unknown): string {
  try {
    return typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value));
  } catch {
    // What JSON cannot carry has been told before, all but files: in the place of a value, one holds streams, which refer to each other.
    return 'a file';
  }
}
