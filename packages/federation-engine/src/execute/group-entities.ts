import type { PlainMembers, RepresentationPlan } from '../compile/plan/steps.js';
import type { Representation } from '../subgraphs/subgraph-client.js';
import { writeRepresentation } from './representations.js';
import type { Targets } from './targets.js';
import type { Data } from '../request/data.js';

/** Entities with equal representations. */
export interface EntityGroup {
  readonly representation: Representation;
  readonly entities: Data[];
}

/** Values of members, one level for each; the last level holds the group. */
type Index = Map<unknown, Index | EntityGroup>;

/**
 * Groups entities by their representations, so that each representation is sent once.
 *
 * Entities that hold nothing but their representation become one object that stands in all their places, unless `shared`
 * is null. It is entered there; later fetches fill it once and the writer writes it once. This is sound because the
 * entities are equal, and their places have the same path but for list indices, so that every later fetch and the writer
 * treat them alike; and because no other fetch brings anything to these places from above (`compile-plan.ts`). A fetch
 * under way that was started for the single objects was started for the one that stays as well, with the same
 * representation.
 */
export function groupEntities(
  targets: Targets,
  plan: RepresentationPlan,
  arePlain: boolean,
  shared: Set<object> | null,
): EntityGroup[] {
  const groups: EntityGroup[] = [];
  let byText: Map<string, EntityGroup> | null = null;
  const byType = new Map<string, Index>();
  let lastType: unknown = null;
  let plain: PlainMembers | null = null;
  let index: Index | null = null;
  /** Of the entity before: owners, uploaders and the like often follow themselves, and to compare two texts is cheaper than to look one up. */
  let lastValue: unknown = undefined;
  let lastGroup: EntityGroup | null = null;
  /** The first of a group that was looked at last, when it holds nothing but its representation. */
  let bare: Data | null = null;

  function create(entity: Data): EntityGroup | null {
    const representation = writeRepresentation(entity, plan, plain, arePlain);
    if (representation === null) return null;
    const group = { representation, entities: [] };
    groups.push(group);
    return group;
  }

  function findByText(entity: Data): EntityGroup | null {
    const representation = writeRepresentation(entity, plan, plain, arePlain);
    if (representation === null) return null;
    byText ??= new Map();
    let group = byText.get(representation.json);
    if (!group) {
      group = { representation, entities: [] };
      byText.set(representation.json, group);
      groups.push(group);
    }
    return group;
  }

  /** Null when a member is missing, undefined when members are no plain values. */
  function findByMembers(entity: Data, names: readonly string[], all: Index): EntityGroup | null | undefined {
    let level = all;
    const last = names.length - 1;
    for (let at = 0; at <= last; at += 1) {
      const name = names[at] as string;
      // All of an index are of one type.
      if (name === '__typename' && at < last) continue;
      const value = entity[name];
      if (value === undefined) return null;
      if (typeof value === 'object' ? value !== null : typeof value === 'function') return undefined;
      if (at === last) {
        const isOnly = level === all;
        if (isOnly && lastGroup !== null && value === lastValue) return lastGroup;
        const known = level.get(value) as EntityGroup | undefined;
        const group = known ?? create(entity);
        if (!known && group) level.set(value, group);
        if (isOnly) {
          lastValue = value;
          lastGroup = group;
        }
        return group;
      }
      let next = level.get(value) as Index | undefined;
      if (!next) {
        next = new Map();
        level.set(value, next);
      }
      level = next;
    }
    return undefined;
  }

  const { objects, holders, keys } = targets;
  for (let at = 0; at < objects.length; at += 1) {
    const entity = objects[at] as Data;
    const typename = entity['__typename'];
    if (typename !== lastType || at === 0) {
      lastType = typename;
      lastGroup = null;
      plain = typeof typename === 'string' ? plan.plain(typename) : null;
      if (plain) {
        index = byType.get(typename as string) ?? new Map<unknown, Index | EntityGroup>();
        byType.set(typename as string, index);
      }
    }
    const byMembers = plain && index ? findByMembers(entity, plain.names, index) : undefined;
    const group = byMembers === undefined ? findByText(entity) : byMembers;
    if (!group) continue;
    const [first] = group.entities;
    // What stands at several places already cannot be replaced at the one that is known here.
    const isAlone = shared !== null && !shared.has(entity);
    if (
      isAlone &&
      first &&
      byMembers &&
      plain &&
      (first === bare || isBare(first, plain.names)) &&
      isBare(entity, plain.names)
    ) {
      bare = first;
      (holders[at] as Record<string | number, unknown>)[keys[at] as string | number] = first;
      shared.add(first);
    } else {
      group.entities.push(entity);
    }
  }
  return groups;
}

/** Adds the groups of another place: equal representations are sent once, and their entities stay apart. */
export function joinGroups(groups: EntityGroup[], others: readonly EntityGroup[]): void {
  if (others.length === 0) return;
  const byText = new Map(groups.map((group) => [group.representation.json, group]));
  for (const group of others) {
    const known = byText.get(group.representation.json);
    if (!known) groups.push(group);
    else for (const entity of group.entities) known.entities.push(entity);
  }
}

/** Whether an entity holds its representation and nothing else. */
function isBare(entity: Data, members: readonly string[]): boolean {
  let count = 0;
  for (const _name in entity) count += 1;
  return count === members.length;
}
