/** Nothing can be checked: settings, arguments or files are wrong. Told without a stack, and the program ends with 2. */
export class CheckError extends Error {}
