/** An object whose keys are names of a schema. */
export type JsonObject = Record<string, unknown>

export function isJsonObject (value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Whether a database can store the text: it has no NUL and is well-formed Unicode. */
export function isStorable (text: string): boolean {
  return !/\0|\p{Surrogate}/u.test(text)
}
