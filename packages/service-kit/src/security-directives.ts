import { getDirective, MapperKind, mapSchema } from '@graphql-tools/utils';
import { defaultFieldResolver, type GraphQLFieldResolver, type GraphQLSchema } from 'graphql';
import { forbidden } from './app-error.js';
import { requireViewer, type RequestContext } from './request-context.js';

/**
 * Enforces `@authenticated` and `@requiresScopes` (Federation 2.5) on fields in the subgraph itself: whoever reaches it past
 * the gateway meets the same rules. A subscription is refused before anything is subscribed, and again at each event.
 */
export function enforceSecurityDirectives(schema: GraphQLSchema): GraphQLSchema {
  return mapSchema(schema, {
    [MapperKind.OBJECT_FIELD]: (field) => {
      const authenticated = directive(schema, field, 'authenticated') !== undefined;
      const scopes = directive(schema, field, 'requiresScopes')?.['scopes'] as
        readonly (readonly string[])[] | undefined;
      if (!authenticated && !scopes) return field;
      const assertAllowed = (context: RequestContext) => {
        const viewer = requireViewer(context);
        // The outer list is "or", the inner one "and".
        if (scopes && !scopes.some((all) => all.every((scope) => viewer.scopes.includes(scope)))) {
          throw forbidden('Your role does not allow this.', 'SCOPE_MISSING');
        }
      };
      const { resolve = defaultFieldResolver, subscribe } = field;
      const guarded = (inner: GraphQLFieldResolver<unknown, RequestContext>) =>
        ((source, args, context, info) => {
          assertAllowed(context);
          return inner(source, args, context, info);
        }) satisfies GraphQLFieldResolver<unknown, RequestContext>;
      return { ...field, resolve: guarded(resolve), ...(subscribe && { subscribe: guarded(subscribe) }) };
    },
  });
}

type Field = Parameters<typeof getDirective>[1];

/** Subgraph SDL may carry the directive under its federation prefix, when it was not imported. */
function directive(schema: GraphQLSchema, field: Field, name: string): Record<string, unknown> | undefined {
  return getDirective(schema, field, name)?.[0] ?? getDirective(schema, field, `federation__${name}`)?.[0];
}
