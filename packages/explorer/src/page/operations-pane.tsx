import { useGraphiQL, useGraphiQLActions, type GraphiQLPlugin } from '@graphiql/react';
import {
  isListType,
  isNonNullType,
  parse,
  print,
  typeFromAST,
  type GraphQLSchema,
  type GraphQLType,
  Kind,
} from 'graphql';
import { isEnumType, isInputObjectType, isScalarType } from 'graphql';
import { useMemo, useState } from 'react';
import { readExampleOperations, type ExampleOperation } from '../example-operations.js';

/** Makes the pane that lists the operations of a document, each of which opens in a tab of its own. */
export function operationsPane(examples: string): GraphiQLPlugin {
  const operations = readExampleOperations(examples);

  function OperationsPane() {
    const actions = useGraphiQLActions();
    const schema = useGraphiQL((state) => state.schema);
    const queryEditor = useGraphiQL((state) => state.queryEditor);
    const variableEditor = useGraphiQL((state) => state.variableEditor);
    const [search, setSearch] = useState('');
    const sections = useMemo(() => bySection(operations, search), [search]);

    const open = ({ text }: ExampleOperation) => {
      const query = print(parse(text));
      const variables = schema ? variablesOf(text, schema) : '';
      actions.addTab();
      queryEditor?.setValue(query);
      variableEditor?.setValue(variables);
      actions.updateActiveTabValues({ query, variables });
    };

    return (
      <section className="pane" aria-label="Operations">
        <h2>Operations</h2>
        <input
          type="search"
          aria-label="Search operations"
          placeholder="Search"
          value={search}
          onChange={({ target }) => setSearch(target.value)}
        />
        {sections.map(([section, members]) => (
          <div key={section}>
            <h3>{section}</h3>
            <ul>
              {members.map((operation) => (
                <li key={operation.name}>
                  <button type="button" onClick={() => open(operation)} title={operation.comment}>
                    <span className={`type ${operation.type}`}>{operation.type}</span> {operation.name}
                  </button>
                </li>
              ))}
            </ul>
          </div>
        ))}
      </section>
    );
  }

  return { title: 'Operations', icon: OperationsIcon, content: OperationsPane };
}

function bySection(operations: readonly ExampleOperation[], search: string): Array<[string, ExampleOperation[]]> {
  const sections = new Map<string, ExampleOperation[]>();
  for (const operation of operations) {
    if (!`${operation.name} ${operation.comment}`.toLowerCase().includes(search.toLowerCase())) continue;
    sections.set(operation.section, [...(sections.get(operation.section) ?? []), operation]);
  }
  return [...sections];
}

/** Variables that must be given, with a place for each of their values. */
function variablesOf(text: string, schema: GraphQLSchema): string {
  const [operation] = parse(text).definitions;
  if (operation?.kind !== Kind.OPERATION_DEFINITION) return '';
  const entries = (operation.variableDefinitions ?? []).flatMap(({ variable, type, defaultValue }) => {
    const known = typeFromAST(schema, type as never) as GraphQLType | undefined;
    if (!known || !isNonNullType(known) || defaultValue) return [];
    return [[variable.name.value, placeFor(known)] as const];
  });
  return entries.length === 0 ? '' : JSON.stringify(Object.fromEntries(entries), null, 2);
}

function placeFor(type: GraphQLType): unknown {
  if (isNonNullType(type)) return placeFor(type.ofType);
  if (isListType(type)) return [placeFor(type.ofType)];
  if (isEnumType(type)) return type.getValues()[0]?.name ?? null;
  if (isInputObjectType(type)) {
    const required = Object.values(type.getFields()).filter((field) => isNonNullType(field.type));
    return Object.fromEntries(required.map((field) => [field.name, placeFor(field.type)]));
  }
  if (!isScalarType(type) || type.name === 'Upload') return null;
  return { Int: 0, Float: 0, Boolean: false }[type.name] ?? '';
}

function OperationsIcon() {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.5" aria-hidden="true">
      <path d="M6 3h12v18l-6-4-6 4z" />
    </svg>
  );
}
