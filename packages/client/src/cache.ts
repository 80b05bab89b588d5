import {
  InMemoryCache,
  type FieldPolicy,
  type InMemoryCacheConfig,
  type Reference,
  type TypePolicies,
} from '@apollo/client';
import { relayStylePagination } from '@apollo/client/utilities';
import generated from './generated/possible-types.js';

/** Which types a union or an interface may be: without it a cache cannot tell which fragments apply. */
export const possibleTypes: Record<string, string[]> = generated.possibleTypes;

/**
 * How the cache keeps the lists of the graph: pages of a list are joined, lists with another filter or order are kept apart, and what
 * was read in a list is found by its id.
 */
export const typePolicies: TypePolicies = {
  Query: {
    fields: {
      tasks: relayStylePagination(['filter', 'orderBy']),
      myMedia: relayStylePagination(),
      auditEvents: relayStylePagination(['filter']),
      task: byId('Task'),
      media: byId('Media'),
      user: byId('User'),
    },
  },
  Task: { fields: { media: relayStylePagination() } },
  Media: { fields: { tasks: relayStylePagination() } },
  User: {
    fields: {
      tasks: relayStylePagination(),
      uploads: relayStylePagination(),
      // Not an entity: what is read of it later joins what was read before.
      storage: { merge: true },
    },
  },
};

/** What was read elsewhere, such as in a list, is known by its id. */
function byId(type: string): FieldPolicy<Reference> {
  return {
    read: (known, { args, toReference }) => known ?? toReference({ __typename: type, id: args?.['id'] as string }),
  };
}

/** A cache that knows the graph; what `options` say of a type is added to the policies above. */
export function createCache(options: InMemoryCacheConfig = {}): InMemoryCache {
  const cache = new InMemoryCache({
    ...options,
    possibleTypes: { ...possibleTypes, ...options.possibleTypes },
    typePolicies,
  });
  if (options.typePolicies) cache.policies.addTypePolicies(options.typePolicies);
  return cache;
}
