import { ChangeType, type Change, type TypeOfChangeType } from '@graphql-inspector/core';

/** What an operation has to use so that a change can hurt it; `null` is every operation. */
export function affectedCoordinates({ type: given, path, meta }: Change): string[] | null {
  const type = given as TypeOfChangeType;
  if (path === undefined) return null;
  const parts = path.split('.');
  const parent = parts.slice(0, -1).join('.');
  switch (type) {
    // An operation that asks for the field does not give the new argument, or counts on the default.
    case ChangeType.FieldArgumentAdded:
    case ChangeType.FieldArgumentDefaultChanged:
      return [parts.slice(0, 2).join('.')];
    // A client that sends such an object leaves the new field out.
    case ChangeType.InputFieldAdded:
    case ChangeType.InputFieldDefaultValueChanged:
    case ChangeType.EnumValueAdded:
      return [parts[0] ?? path];
    case ChangeType.UnionMemberRemoved:
      return [(meta as { removedUnionMemberTypeName: string }).removedUnionMemberTypeName];
    case ChangeType.ObjectTypeInterfaceRemoved:
      return [(meta as { removedInterfaceName: string }).removedInterfaceName];
    case ChangeType.DirectiveArgumentAdded:
    case ChangeType.DirectiveLocationRemoved:
    case ChangeType.DirectiveRepeatableRemoved:
      return [toDirective(parts[0] ?? path)];
    case ChangeType.SchemaQueryTypeChanged:
    case ChangeType.SchemaMutationTypeChanged:
    case ChangeType.SchemaSubscriptionTypeChanged:
      return null;
    default:
      if (type.startsWith('DIRECTIVE_') && !type.startsWith('DIRECTIVE_USAGE_')) return [toDirective(path)];
      return type.startsWith('DIRECTIVE_USAGE_') ? [parent === '' ? path : parent] : [path];
  }
}

function toDirective(name: string): string {
  return name.startsWith('@') ? name : `@${name}`;
}
