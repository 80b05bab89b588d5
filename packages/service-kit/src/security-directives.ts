import { getDirective, MapperKind, mapSchema } from '@graphql-tools/utils';
import {
  defaultFieldResolver,
  getNamedType,
  isUnionType,
  type GraphQLFieldResolver,
  type GraphQLNamedType,
  type GraphQLSchema,
} from 'graphql';
import { forbidden } from './app-error.js';
import { linkedName } from './linked-name.js';
import { requireViewer, type RequestContext } from './request-context.js';

/** What a field asks: of several lists of scopes, each has to be met. */
interface Guard {
  readonly scopes: ReadonlyArray<readonly (readonly string[])[]>;
}

type Guarded = Parameters<typeof getDirective>[1];

/** The gateway's own (Federation, "Subgraph schema specification"). */
const ENTITIES_FIELD = '_entities';
const SERVICE_FIELD = '_service';
const SIGNED_IN: Guard = { scopes: [] };

/**
 * Enforces `@authenticated` and `@requiresScopes` (Federation 2.5) in the subgraph itself, on fields, on the types that they are of
 * and on those that they return: a client that reaches it past the gateway meets the same rules. The directives are known by the `@link`
 * that they come of, whatever their names are. Entities by their keys are for viewers who are signed in: nobody else gets to one through
 * a gateway either. A subscription is refused before anything is subscribed, and again at each event.
 */
export function enforceSecurityDirectives(schema: GraphQLSchema): GraphQLSchema {
  const authenticated = linkedName(schema, 'authenticated');
  const requiresScopes = linkedName(schema, 'requiresScopes');

  function guardOf(places: readonly Guarded[]): Guard | null {
    const scopes = places.flatMap((place) => {
      const found: unknown = getDirective(schema, place, requiresScopes)?.[0]?.['scopes'];
      return found === undefined ? [] : [found as readonly (readonly string[])[]];
    });
    const isGuarded = scopes.length > 0 || places.some((place) => getDirective(schema, place, authenticated)?.[0]);
    return isGuarded ? { scopes } : null;
  }

  return mapSchema(schema, {
    [MapperKind.OBJECT_FIELD]: (field, name, typeName) => {
      if (name === SERVICE_FIELD) return field;
      const returned: GraphQLNamedType = getNamedType(field.type);
      const places = [field, schema.getType(typeName), isUnionType(returned) ? undefined : returned];
      const guard = name === ENTITIES_FIELD ? SIGNED_IN : guardOf(places.filter((place) => place !== undefined));
      if (!guard) return field;
      const { resolve = defaultFieldResolver, subscribe } = field;
      const guarded = (inner: GraphQLFieldResolver<unknown, RequestContext>) =>
        ((source, args, context, info) => {
          assertAllowed(guard, context);
          return inner(source, args, context, info);
        }) satisfies GraphQLFieldResolver<unknown, RequestContext>;
      return { ...field, resolve: guarded(resolve), ...(subscribe && { subscribe: guarded(subscribe) }) };
    },
  });
}

/** @throws AppError UNAUTHENTICATED or FORBIDDEN */
function assertAllowed({ scopes }: Guard, context: RequestContext): void {
  const viewer = requireViewer(context);
  // The outer list is "or", the inner one "and".
  const isMet = scopes.every((anyOf) => anyOf.some((all) => all.every((scope) => viewer.scopes.includes(scope))));
  if (!isMet) throw forbidden('Your role does not allow this.', 'SCOPE_MISSING');
}
