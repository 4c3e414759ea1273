import { types } from 'node:util'
import createError from '@fastify/error'
import { isError } from './thrown.ts'

const UnknownOptionError = createError('FST_SCIM_TOKEN_UNKNOWN_OPTION', '%s')
const InvalidOptionError = createError('FST_SCIM_TOKEN_INVALID_OPTION', '%s')

/**
 * Rejects what is not an object of options, and options that do not exist.
 *
 * @param owner the exported function, for the error message
 * @param mustBe what the options must be, such as `the options must be an object`
 * @param of what nested options belong to, such as ` of "tables"`
 * @param hint what to do instead of passing an unknown option
 * @throws an error with the code `FST_SCIM_TOKEN_INVALID_OPTION`; or `FST_SCIM_TOKEN_UNKNOWN_OPTION`, which lists the
 *   options that exist
 */
export function requireOptions (owner: string, options: unknown, known: readonly string[], mustBe: string, of = '', hint = ''): void {
  if (!isPlainObject(options)) throw invalidOption(owner, mustBe, kindOf(options))
  const unknown = Object.keys(options).find((name) => !known.includes(name))
  if (unknown !== undefined) {
    throw new UnknownOptionError(`${owner}: the option "${unknown}"${of} does not exist; the options are ${known.join(', ')}.${hint}`)
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
  if (Number.isNaN(value)) return 'NaN'
  // First, as all other checks throw for a revoked one.
  if (types.isProxy(value)) return 'a Proxy'
  if (Array.isArray(value)) return 'an array'
  if (isError(value)) return 'an Error'
  if (types.isDate(value)) return Number.isNaN(value.getTime()) ? 'an invalid Date' : 'a Date'
  return typeof value
}

/** Whether the value is an object with properties of its own, and not one of a built-in class, such as a Map. */
export function isPlainObject (value: unknown): value is object {
  return Object.prototype.toString.call(value) === '[object Object]'
}
