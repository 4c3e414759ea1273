import { types } from 'node:util'

/** An error that is safe to log: SCIM tokens and their hashes are redacted, and none of its properties throws. */
export interface LoggableError extends Error {
  code?: string | number
  /** The code of the innermost cause that has one, such as a SQLSTATE: loggers drop the properties of causes. */
  causeCode?: string | number
  /** For the response, not the log: they may be those of another server, with its cookies. */
  headers?: Record<string, string>
  /** A status from 400 to 599. */
  statusCode?: number
}

const secrets = /scim_[0-9A-Za-z]{20,}|[0-9a-f]{64}/gi
const deepestCause = 5

/**
 * Returns a copy of any thrown value as an Error. It has the name, message, stack, code, status, headers and
 * causes. Others, such as the `detail` of a database error, are dropped: they may hold hashes.
 */
export function toError (thrown: unknown, depth = 0): LoggableError {
  const error: LoggableError = new Error(redact(messageOf(thrown)))
  const [name, stack, code, headers, cause] = ['name', 'stack', 'code', 'headers', 'cause'].map((property) => {
    const value = read(thrown, property)
    return typeof value === 'string' ? redact(value) : value
  })
  if (typeof name === 'string') Object.defineProperty(error, 'name', { value: name })
  // Without one, that of this function would be logged.
  error.stack = typeof stack === 'string' ? stack : `${error.name}: ${error.message}`
  if (typeof code === 'string' || typeof code === 'number') error.code = code
  if (isObject(headers)) Object.defineProperty(error, 'headers', { value: headers })
  if (cause !== undefined && depth < deepestCause) {
    const { code, causeCode = code } = error.cause = toError(cause, depth + 1)
    if (causeCode !== undefined) error.causeCode = causeCode
  }
  const statusCode = statusOf(thrown)
  if (statusCode !== undefined) error.statusCode = statusCode
  return error
}

/** Returns the status that Fastify reads from a thrown value, if it is that of an error. */
export function statusOf (thrown: unknown): number | undefined {
  return [read(thrown, 'statusCode'), read(thrown, 'status')].find((status) => typeof status === 'number' && Number.isInteger(status) && status >= 400 && status <= 599) as number | undefined
}

/** Returns a property of any value; `undefined` if it cannot be read. */
export function read (value: unknown, property: string): unknown {
  try {
    return isObject(value) ? (value as Record<string, unknown>)[property] : undefined
  } catch {
    return undefined
  }
}

function messageOf (thrown: unknown): string {
  if (!isObject(thrown)) return String(thrown)
  // The error for a host name with several addresses has a code and no message.
  const text = [read(thrown, 'message'), read(thrown, 'code')].find((value) => typeof value === 'string' && value !== '')
  return typeof text === 'string' ? text : 'an object without a message'
}

function redact (text: string): string {
  return text.replaceAll(secrets, '[redacted]')
}

function isObject (value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

/** Whether a value is an error, of this realm or another one. */
export function isError (value: unknown): boolean {
  return value instanceof Error || types.isNativeError(value)
}
