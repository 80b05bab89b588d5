/** Names that the code generator adds to a type's resolvers and that are never fields. */
type NoField = '__resolveReference' | '__isTypeOf' | '__resolveType' | 'subscribe';

/** The fields that the row does not carry must have a resolver; the others may. */
type CompleteFields<FieldResolvers, Row> = {
  [
    Field in keyof FieldResolvers as Field extends NoField ? never : Field extends keyof Row ? never : Field
  ]-?: NonNullable<FieldResolvers[Field]>;
} & {
  [
    Field in keyof FieldResolvers as Field extends NoField ? Field : Field extends keyof Row ? Field : never
  ]?: FieldResolvers[Field];
};

type RootType = 'Query' | 'Mutation' | 'Subscription';

/** Scalars are no maps of fields, directives are functions, and types without a row (unions) need no fields. */
type CompleteType<TypeResolvers, Row> = TypeResolvers extends { serialize: unknown }
  ? TypeResolvers
  : TypeResolvers extends (...args: never[]) => unknown
    ? TypeResolvers
    : CompleteFields<TypeResolvers, Row>;

/** What the types with no row of their own could lack. */
type NeedsResolvers<TypeResolvers, Row> = Record<never, never> extends CompleteType<TypeResolvers, Row> ? false : true;

/**
 * The resolvers map with nothing left out: `resolvers satisfies CompleteResolvers<Resolvers, ResolversParentTypes>`
 * does not compile when a field has neither a property on its row nor a resolver.
 */
export type CompleteResolvers<Resolvers, ParentTypes> = {
  [Type in keyof Resolvers as Type extends RootType ? Type : never]-?: Required<NonNullable<Resolvers[Type]>>;
} & {
  [
    Type in Exclude<keyof Resolvers, RootType> as Type extends keyof ParentTypes
      ? NeedsResolvers<NonNullable<Resolvers[Type]>, ParentTypes[Type]> extends true
        ? Type
        : never
      : never
  ]-?: CompleteType<NonNullable<Resolvers[Type]>, ParentTypes[Type & keyof ParentTypes]>;
} & {
  [Type in Exclude<keyof Resolvers, RootType>]?: Type extends keyof ParentTypes
    ? CompleteType<NonNullable<Resolvers[Type]>, ParentTypes[Type]>
    : Resolvers[Type];
};
