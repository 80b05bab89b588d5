import { MapperKind, mapSchema } from '@graphql-tools/utils';
import type { GraphQLSchema } from 'graphql';
import type { RequestContext } from './request-context.js';

/**
 * Lets an execution begin nothing more when its client is gone, or has given up waiting: each resolver asks first. graphql-js
 * itself goes on to the last of a thousand mutations.
 *
 * Fields without a resolver read what is there, and are not asked.
 */
export function stopWhenAborted(schema: GraphQLSchema): GraphQLSchema {
  return mapSchema(schema, {
    [MapperKind.OBJECT_FIELD]: (field) => {
      const { resolve } = field;
      if (!resolve) return field;
      return {
        ...field,
        resolve(source, args, context: RequestContext, info) {
          // The reason itself is thrown, the same for all fields: making a thousand errors takes time as well.
          if (context.signal.aborted) throw context.signal.reason;
          return resolve(source, args, context, info);
        },
      };
    },
  });
}
