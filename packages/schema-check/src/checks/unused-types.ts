import {
  getNamedType,
  isInputObjectType,
  isIntrospectionType,
  isInterfaceType,
  isObjectType,
  isSpecifiedScalarType,
  isUnionType,
  type GraphQLNamedType,
  type GraphQLSchema,
} from 'graphql';
import type { Finding } from '../finding.js';
import type { FindPlace } from '../graph/place.js';

/** Tells of types that no operation can come to: nobody gets them, and nobody can send them. */
export function findUnusedTypes(api: GraphQLSchema, findPlace: FindPlace): Finding[] {
  const reached = new Set<GraphQLNamedType>();
  const reach = (type: GraphQLNamedType): void => {
    if (reached.has(type)) return;
    reached.add(type);
    if (isUnionType(type)) type.getTypes().forEach(reach);
    if (isInterfaceType(type)) api.getPossibleTypes(type).forEach(reach);
    if (isObjectType(type) || isInterfaceType(type)) {
      type.getInterfaces().forEach((each) => reached.add(each));
      for (const field of Object.values(type.getFields())) {
        reach(getNamedType(field.type));
        for (const argument of field.args) reach(getNamedType(argument.type));
      }
    }
    if (isInputObjectType(type)) for (const field of Object.values(type.getFields())) reach(getNamedType(field.type));
  };
  for (const root of [api.getQueryType(), api.getMutationType(), api.getSubscriptionType()]) if (root) reach(root);
  for (const { args } of api.getDirectives()) for (const { type } of args) reach(getNamedType(type));
  return Object.values(api.getTypeMap())
    .filter((type) => !reached.has(type) && !isIntrospectionType(type) && !isSpecifiedScalarType(type))
    .map(({ name }) => {
      const place = findPlace(name);
      return {
        check: 'lint' as const,
        code: 'UNUSED_TYPE',
        severity: 'error' as const,
        message: `No operation comes to the type ${name}.`,
        coordinate: name,
        ...(place && { place }),
      };
    });
}
