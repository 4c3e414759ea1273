/** Returns what kind of value this is, for an error message that must not repeat the value. */
export function kindOf (value: unknown): string {
  if (value === null) return 'null'
  if (value === '') return 'an empty string'
  if (Array.isArray(value)) return 'an array'
  if (value instanceof Error) return 'an Error'
  return typeof value
}
