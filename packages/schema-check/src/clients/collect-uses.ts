import {
  getNamedType,
  isAbstractType,
  isEnumType,
  isInputObjectType,
  typeFromAST,
  TypeInfo,
  visit,
  visitWithTypeInfo,
  type ASTNode,
  type DocumentNode,
  type GraphQLInputType,
  type GraphQLSchema,
  type NamedTypeNode,
} from 'graphql';

/** What a document uses of a schema, by coordinate, with the first node that does. */
export type Uses = ReadonlyMap<string, ASTNode>;

/**
 * Collects what a document uses: types that it names or gets, fields, arguments, directives, values that it writes.
 *
 * What a variable carries is not known, so one of an input object uses all of its fields, and one of an enum all of its values.
 * A field of an interface is used of each type that implements it.
 */
export function collectUses(schema: GraphQLSchema, document: DocumentNode): Uses {
  const uses = new Map<string, ASTNode>();
  const use = (coordinate: string, node: ASTNode) => {
    if (!uses.has(coordinate)) uses.set(coordinate, node);
  };
  const useInput = (type: GraphQLInputType | undefined, node: ASTNode): void => {
    const named = type && getNamedType(type);
    if (!named || uses.has(`variable ${named.name}`)) return;
    use(`variable ${named.name}`, node);
    use(named.name, node);
    if (isEnumType(named)) for (const { name } of named.getValues()) use(`${named.name}.${name}`, node);
    if (isInputObjectType(named))
      for (const field of Object.values(named.getFields())) {
        use(`${named.name}.${field.name}`, node);
        useInput(field.type, node);
      }
  };
  const info = new TypeInfo(schema);
  visit(
    document,
    visitWithTypeInfo(info, {
      OperationDefinition(node) {
        const root = schema.getRootType(node.operation);
        if (root) use(root.name, node);
      },
      VariableDefinition(node) {
        useInput(typeFromAST(schema, node.type as NamedTypeNode) as GraphQLInputType | undefined, node);
      },
      Field(node) {
        const [parent, field] = [info.getParentType(), info.getFieldDef()];
        if (!parent || !field) return;
        const owners = isAbstractType(parent) ? [parent, ...schema.getPossibleTypes(parent)] : [parent];
        for (const owner of owners) {
          use(`${owner.name}.${field.name}`, node);
          for (const argument of node.arguments ?? [])
            use(`${owner.name}.${field.name}.${argument.name.value}`, argument);
        }
        use(getNamedType(field.type).name, node);
      },
      InlineFragment(node) {
        if (node.typeCondition) use(node.typeCondition.name.value, node.typeCondition);
      },
      FragmentDefinition(node) {
        use(node.typeCondition.name.value, node.typeCondition);
      },
      Directive(node) {
        use(`@${node.name.value}`, node);
        for (const argument of node.arguments ?? []) use(`@${node.name.value}.${argument.name.value}`, argument);
      },
      Argument(node) {
        const type = info.getInputType();
        if (type) use(getNamedType(type).name, node);
      },
      ObjectField(node) {
        const parent = info.getParentInputType();
        if (parent) use(`${getNamedType(parent).name}.${node.name.value}`, node);
        const type = info.getInputType();
        if (type) use(getNamedType(type).name, node);
      },
      EnumValue(node) {
        const type = info.getInputType();
        if (type) use(`${getNamedType(type).name}.${node.value}`, node);
      },
    }),
  );
  return uses;
}
