import createError from '@fastify/error'

/** An unknown option. */
const UnknownOptionError = createError('FST_SCIM_TOKEN_UNKNOWN_OPTION', '%s')
/** An option that is not what it must be. */
const InvalidOptionError = createError('FST_SCIM_TOKEN_INVALID_OPTION', '%s')

/**
 * Rejects options that do not exist.
 *
 * @param owner the exported function, for the error message
 * @param of what nested options belong to, such as ` of "tables"`
 * @throws an error with the code `FST_SCIM_TOKEN_UNKNOWN_OPTION` that lists the options that exist
 */
export function rejectUnknownOptions (owner: string, options: object, known: readonly string[], of = ''): void {
  const unknown = Object.keys(options).find((name) => !known.includes(name))
  if (unknown !== undefined) {
    throw new UnknownOptionError(`${owner}: the option "${unknown}"${of} does not exist; the options are ${known.join(', ')}.`)
  }
}

/**
 * Returns an error with the code `FST_SCIM_TOKEN_INVALID_OPTION`.
 *
 * @param owner the exported function
 * @param mustBe a sentence about the option without its full stop
 * @param got what it is, in words
 */
export function invalidOption (owner: string, mustBe: string, got: string): Error {
  return new InvalidOptionError(`${owner}: ${mustBe}, got ${got}.`)
}

/** Returns what kind of value this is, for an error message that must not repeat the value. */
export function kindOf (value: unknown): string {
  if (value === null) return 'null'
  if (value === '') return 'an empty string'
  if (Array.isArray(value)) return 'an array'
  if (value instanceof Error) return 'an Error'
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'an invalid Date' : 'a Date'
  return typeof value
}
