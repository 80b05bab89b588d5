import { Kind, type DirectiveNode } from 'graphql';

/** A selection stands where this variable is true, or where it is not. */
export interface SelectionCondition {
  readonly variable: string;
  readonly is: boolean;
}

/** Whether a directive is a condition: `@skip` or `@include` (GraphQL specification, 3.13.1 and 3.13.2). */
export function isCondition({ name }: DirectiveNode): boolean {
  return name.value === 'skip' || name.value === 'include';
}

/** What variables decide whether a selection with these directives stands; null when it never does, whatever they are. */
export function readConditions(directives: readonly DirectiveNode[] | undefined): readonly SelectionCondition[] | null {
  if (!directives || directives.length === 0) return NONE;
  const conditions: SelectionCondition[] = [];
  for (const directive of directives) {
    if (!isCondition(directive)) continue;
    const is = directive.name.value === 'include';
    const value = directive.arguments?.[0]?.value;
    if (value?.kind === Kind.BOOLEAN && value.value !== is) return null;
    if (value?.kind === Kind.VARIABLE) conditions.push({ variable: value.name.value, is });
  }
  return conditions;
}

/** Where the values of variables are: a map has them, or they are read when they are asked for. */
export interface ConditionValues {
  get(variable: string): unknown;
}

/** Whether what has these conditions stands, where variables have these values: what is not true, or is not there, is false. */
export function holds(conditions: readonly SelectionCondition[], values: ConditionValues): boolean {
  for (const { variable, is } of conditions) if ((values.get(variable) === true) !== is) return false;
  return true;
}

const NONE: readonly SelectionCondition[] = [];
