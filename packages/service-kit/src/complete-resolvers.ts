/** Names that the code generator adds to a type's resolvers and that are never fields. */
type NoField = '__resolveReference' | '__isTypeOf' | '__resolveType' | 'subscribe';

/** The fields that the row does not carry must have a resolver; the others may. */
type CompleteFields<FieldResolvers, Row> = {
  [Field in keyof FieldResolvers as Field extends NoField ? never : Field extends keyof Row ? never : Field]-?: NonNullable<FieldResolvers[Field]>;
} & {
  [Field in keyof FieldResolvers as Field extends NoField ? Field : Field extends keyof Row ? Field : never]?: FieldResolvers[Field];
};

/**
 * The resolvers map with nothing left out: `resolvers satisfies CompleteResolvers<Resolvers, ResolversParentTypes>`
 * does not compile when a field has neither a property on its row nor a resolver.
 */
export type CompleteResolvers<Resolvers, ParentTypes> = {
  [Type in keyof Resolvers as Type extends 'Query' | 'Mutation' | 'Subscription' ? Type : never]-?: Required<NonNullable<Resolvers[Type]>>;
} & {
  [Type in keyof Resolvers as Type extends 'Query' | 'Mutation' | 'Subscription'
    ? never
    : Type extends keyof ParentTypes
      ? NonNullable<Resolvers[Type]> extends (...args: never[]) => unknown
        ? never
        : Type
      : never]?: Type extends keyof ParentTypes ? CompleteFields<NonNullable<Resolvers[Type]>, ParentTypes[Type]> : never;
} & {
  [Type in keyof Resolvers as Type extends 'Query' | 'Mutation' | 'Subscription' ? never : Type]?: Resolvers[Type];
};
