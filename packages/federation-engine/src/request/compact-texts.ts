/**
 * Copies JSON so that each text in it takes a byte for a character wherever Latin-1 is enough. V8 takes two for all that is cut out of, or put
 * together with, a text that has one other character, such as a dash in the description of some type: names of a schema then make each
 * answer that they stand in twice as large in memory, and slower to write.
 */
export function compactTexts<Value>(value: Value): Value {
  return JSON.parse(JSON.stringify(value)) as Value;
}
