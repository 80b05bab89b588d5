/** Makes of what handles events of a parser what throws nothing: the parser would throw it at the socket, which nobody catches. */
export function guarded<Args extends unknown[]>(
  handle: (...args: Args) => void,
  onFault: (error: Error) => void,
): (...args: Args) => void {
  return (...args) => {
    try {
      handle(...args);
    } catch (error) {
      onFault(error as Error);
    }
  };
}
