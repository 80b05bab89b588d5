/** Variables of a request. */
export type Variables = Readonly<Record<string, unknown>>;

/** A number, or what it is for the variables of a request. What does not depend on variables is computed once. */
export type Amount = number | ((variables: Variables) => number);

/** Amounts end here: what multiplies lists in lists would soon be no number. */
export const MAX_AMOUNT = Number.MAX_SAFE_INTEGER;

export function evaluate(amount: Amount, variables: Variables): number {
  return typeof amount === 'number' ? amount : amount(variables);
}

export function sum(amounts: readonly Amount[]): Amount {
  let constant = 0;
  const others: Array<Exclude<Amount, number>> = [];
  for (const amount of amounts)
    if (typeof amount === 'number') constant = clamp(constant + amount);
    else others.push(amount);
  if (others.length === 0) return constant;
  return (variables) => {
    let total = constant;
    for (const other of others) total = clamp(total + other(variables));
    return total;
  };
}

export function product(one: Amount, other: Amount): Amount {
  if (typeof one === 'number' && typeof other === 'number') return clamp(one * other);
  if (one === 1) return other;
  if (other === 1) return one;
  // No list is long enough to make something of nothing.
  if (one === 0 || other === 0) return 0;
  return (variables) => clamp(evaluate(one, variables) * evaluate(other, variables));
}

export function greatest(one: Amount, other: Amount): Amount {
  if (typeof one === 'number' && typeof other === 'number') return Math.max(one, other);
  return (variables) => Math.max(evaluate(one, variables), evaluate(other, variables));
}

/** The amount where the condition holds, and nothing elsewhere. */
export function where(condition: (variables: Variables) => boolean, amount: Amount): Amount {
  return amount === 0 ? 0 : (variables) => (condition(variables) ? evaluate(amount, variables) : 0);
}

function clamp(value: number): number {
  return Math.min(MAX_AMOUNT, Math.max(-MAX_AMOUNT, value));
}
