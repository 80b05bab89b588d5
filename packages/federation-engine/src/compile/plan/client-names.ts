/** Before a name that is not the client's; with a number where one name stands for several calls. */
const PREFIX = /^apart\d*__/;

/** The name under which something is fetched that has a client's name, and is not what that stands for elsewhere. */
export function apartName(name: string, number: number): string {
  return `apart${number > 0 ? number : ''}__${name}`;
}

/** The name that the client gave to what is fetched under this name. */
export function clientName(name: string): string {
  return name.replace(PREFIX, '');
}
