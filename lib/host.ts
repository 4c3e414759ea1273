import { httpErrors } from '@fastify/sensible'
import type { FastifyInstance } from 'fastify'
import type { Awaitable } from './contracts.ts'
import { toError } from './errors.ts'
import { TimeLimitError, within } from './time-limit.ts'

/**
 * Answers a decorator that the host must have injected.
 *
 * @param methods those that it must have
 * @throws Error that says what to inject and how
 */
export function injected<Name extends 'scimAuthResolver' | 'scimTokenStore', Method extends keyof FastifyInstance[Name] & string> (
  app: FastifyInstance,
  name: Name,
  methods: readonly Method[]
) {
  const example = `app.decorate('${name}', { ${methods.map((method) => `${method} () { ... }`).join(', ')} })`
  if (!app.hasDecorator(name)) {
    throw new Error(`fastify-scim-token: there is no "${name}"; call ${example} before you register the plugin.`)
  }
  const decorator = app[name]
  const missing = methods.filter((method) => typeof decorator?.[method] !== 'function')
  if (missing.length > 0) {
    throw new Error(`fastify-scim-token: "${name}" lacks the method ${missing.join(' and ')}; it must look like ${example}.`)
  }
  return decorator as FastifyInstance[Name] & Required<Pick<FastifyInstance[Name], Method>>
}

/**
 * Calls a method of the host. What it throws reaches the log and never the caller.
 *
 * @param statusCode what the caller gets when the method throws; when it takes too long, that is 503
 * @param timeout milliseconds; 0 for no limit
 */
export async function ask<T> (statusCode: 500 | 503, method: string, timeout: number, call: () => Awaitable<T>): Promise<T> {
  try {
    return await within(timeout, call())
  } catch (thrown) {
    const status = thrown instanceof TimeLimitError ? 503 : statusCode
    throw httpErrors.createError(status, `${method} failed`, { cause: toError(thrown) })
  }
}

/** The error for a method of the host that answered something its contract does not know. */
export function brokenContract (method: string, promised: string, answer: unknown): Error {
  const got = answer === null ? 'null' : typeof answer
  return httpErrors.internalServerError(`${method} must answer ${promised}, and it answered ${got}`)
}
