import { Kind, type ASTNode, type DocumentNode } from 'graphql';
import type { Place } from '../finding.js';

/** Where a node stands: at its name rather than at its description. */
export function placeOf(node: ASTNode | undefined): Place | undefined {
  const named = node && 'name' in node && node.name && typeof node.name === 'object' ? (node.name as ASTNode) : node;
  const loc = named?.loc ?? node?.loc;
  if (!loc) return undefined;
  return { file: loc.source.name, line: loc.startToken.line, column: loc.startToken.column };
}

/** Finds where a coordinate is defined, or else the type that it belongs to; the first of several subgraphs. */
export type FindPlace = (coordinate: string) => Place | undefined;

/** Coordinates as the changes have them: `Type`, `Type.field`, `Type.field.argument`, `@directive`. */
export function indexPlaces(documents: readonly DocumentNode[]): FindPlace {
  const places = new Map<string, Place>();
  const add = (coordinate: string, node: ASTNode) => {
    const place = placeOf(node);
    if (place && !places.has(coordinate)) places.set(coordinate, place);
  };
  for (const document of documents) {
    for (const definition of document.definitions) {
      if (!('name' in definition) || !definition.name) continue;
      const { value: name } = definition.name;
      const isDirective = definition.kind === Kind.DIRECTIVE_DEFINITION;
      add(isDirective ? `@${name}` : name, definition);
      if ('fields' in definition)
        for (const field of definition.fields ?? []) {
          add(`${name}.${field.name.value}`, field);
          if ('arguments' in field)
            for (const argument of field.arguments ?? [])
              add(`${name}.${field.name.value}.${argument.name.value}`, argument);
        }
      if ('values' in definition)
        for (const value of definition.values ?? []) add(`${name}.${value.name.value}`, value);
    }
  }
  return (coordinate) => {
    for (let at = coordinate; at !== ''; at = at.includes('.') ? at.slice(0, at.lastIndexOf('.')) : '') {
      const place = places.get(at);
      if (place) return place;
    }
    return undefined;
  };
}
