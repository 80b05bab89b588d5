import {
  isInterfaceType,
  isObjectType,
  isInputObjectType,
  isEnumType,
  isIntrospectionType,
  type ASTNode,
  type GraphQLSchema,
} from 'graphql';
import { CheckError } from './check-error.js';
import type { ClientOperation } from './clients/client-operation.js';
import { collectUses } from './clients/collect-uses.js';
import { toUsedBy } from './clients/used-by.js';
import type { UsedBy } from './finding.js';
import { at } from './formats/text.js';

/** The operations that use something of the graph. */
export interface Usage {
  readonly coordinate: string;
  /** Why it goes away; null where it stays. */
  readonly deprecated: string | null;
  readonly usedBy: readonly UsedBy[];
}

/**
 * Finds the operations that use a type, a field, an argument or a value.
 *
 * @param coordinate as `Task.title`, `Query.task(id:)` or `Status.OPEN`
 * @throws CheckError where the graph has no such thing
 */
export function findUsage(api: GraphQLSchema, operations: readonly ClientOperation[], coordinate: string): Usage {
  const written = coordinate.replace(/\((\w+):\)$/, '.$1');
  const known = listMembers(api).find((member) => member.coordinate === written);
  if (!known) throw new CheckError(`The graph has no ${coordinate}.`);
  return { ...known, usedBy: findUsers(api, operations, written) };
}

/** Finds fields and values that nobody uses, and those that are deprecated, with the operations that still use them. */
export function findIdle(api: GraphQLSchema, operations: readonly ClientOperation[]): Usage[] {
  const used = operations.map((operation) => ({ operation, uses: collectUses(api, operation.document) }));
  return listMembers(api)
    .filter(({ isType, isArgument }) => !isType && !isArgument)
    .map(({ coordinate, deprecated }) => ({
      coordinate,
      deprecated,
      usedBy: used.flatMap(({ operation, uses }) => toUser(operation, uses.get(coordinate)) ?? []),
    }))
    .filter(({ deprecated, usedBy }) => deprecated !== null || usedBy.length === 0);
}

export function renderUsage({ coordinate, deprecated, usedBy }: Usage): string {
  const state = deprecated === null ? '' : ` (deprecated: ${deprecated})`;
  if (usedBy.length === 0) return `${coordinate}${state}: nobody uses it\n`;
  const lines = usedBy.map(({ operation, client, place, firstSeen, lastSeen, count }) => {
    const seen =
      lastSeen === undefined
        ? ''
        : firstSeen === undefined
          ? `, last seen ${lastSeen}`
          : `, ${firstSeen} to ${lastSeen}`;
    const times = count === undefined ? '' : `, ${count} times`;
    return `  ${operation} of ${client}, ${at(place)}${times}${seen}`;
  });
  return `${coordinate}${state}\n${lines.join('\n')}\n`;
}

function findUsers(api: GraphQLSchema, operations: readonly ClientOperation[], coordinate: string): UsedBy[] {
  return operations.flatMap(
    (operation) => toUser(operation, collectUses(api, operation.document).get(coordinate)) ?? [],
  );
}

function toUser(operation: ClientOperation, node: ASTNode | undefined): UsedBy | null {
  return node ? toUsedBy(operation, node) : null;
}

interface Member {
  readonly coordinate: string;
  readonly deprecated: string | null;
  readonly isType: boolean;
  readonly isArgument: boolean;
}

function listMembers(api: GraphQLSchema): Member[] {
  const members: Member[] = [];
  const add = (coordinate: string, deprecated: string | null | undefined, kind: 'type' | 'member' | 'argument') =>
    members.push({
      coordinate,
      deprecated: deprecated ?? null,
      isType: kind === 'type',
      isArgument: kind === 'argument',
    });
  for (const type of Object.values(api.getTypeMap())) {
    if (isIntrospectionType(type)) continue;
    add(type.name, null, 'type');
    if (isObjectType(type) || isInterfaceType(type))
      for (const field of Object.values(type.getFields())) {
        add(`${type.name}.${field.name}`, field.deprecationReason, 'member');
        for (const { name, deprecationReason } of field.args)
          add(`${type.name}.${field.name}.${name}`, deprecationReason, 'argument');
      }
    if (isInputObjectType(type))
      for (const field of Object.values(type.getFields()))
        add(`${type.name}.${field.name}`, field.deprecationReason, 'member');
    if (isEnumType(type))
      for (const value of type.getValues()) add(`${type.name}.${value.name}`, value.deprecationReason, 'member');
  }
  return members;
}
