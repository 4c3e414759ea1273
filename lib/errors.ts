import { randomUUID } from 'node:crypto'
import { httpErrors } from '@fastify/sensible'
import type { FastifyReply, FastifyRequest } from 'fastify'

/** Request decorator: how far the change that the request asks for has come. */
export const change = Symbol('fastify-scim-token.change')

/**
 * `begun` once the store has been asked, `refused` once an error has been answered: after Fastify's
 * `handlerTimeout` the rest of the request still runs, and must neither change anything nor answer.
 */
export type ChangeState = 'begun' | 'refused'

/** The names that Unleash's OpenAPI document gives to errors; others keep the name of their status. */
const documentedNames: Readonly<Record<number, string>> = {
  400: 'ValidationError',
  401: 'AuthenticationRequired',
  403: 'NoAccessError',
  404: 'NotFoundError',
  415: 'ContentTypeError'
}

/** Documented with `id`, `name` and `message` alone; Unleash's clients read `details` of the others. */
const withoutDetails: ReadonlySet<number> = new Set([401, 403, 404])

/**
 * The error handler of the plugin's own scope: answers any error in the shape of Unleash's API and
 * logs it under the same id. Status and headers that a hook of the host has set survive.
 */
export function sendApiError (thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const error = toError(thrown)
  if (reply.statusCode < 400) reply.code(statusOf(error))
  if (error.headers !== undefined) reply.headers(error.headers)

  const { statusCode } = reply
  const id = randomUUID()
  request.log[statusCode < 500 ? 'info' : 'error']({ errorId: id, err: error }, error.message)

  const name = documentedNames[statusCode] ?? httpErrors.createError(statusCode).name
  const message = statusCode < 500 ? error.message : serverErrorMessage(request, statusCode)
  const details = statusCode < 500 && Array.isArray(error.details) ? error.details : [{ message }]
  request.setDecorator<ChangeState>(change, 'refused')
  reply.send(withoutDetails.has(statusCode) ? { id, name, message } : { id, name, message, details })
}

/** One fault of a body, and where it is: a JSON Pointer (RFC 6901). */
export interface Fault {
  path: string
  message: string
}

/** An error with the properties that Fastify, too, takes from what a hook has thrown. */
type Thrown = Error & { statusCode?: number, status?: number, headers?: Record<string, string>, details?: Fault[] }

/** Makes an Error of anything that was thrown. */
export function toError (thrown: unknown): Thrown {
  if (thrown instanceof Error) return thrown
  if (typeof thrown !== 'object' || thrown === null) return new Error(String(thrown))
  return Object.assign(new Error('an object that is no Error'), thrown)
}

function statusOf ({ statusCode, status }: Thrown): number {
  return [statusCode, status].find(isErrorStatus) ?? 500
}

function isErrorStatus (code: number | undefined): boolean {
  return Number.isInteger(code) && Number(code) >= 400 && Number(code) <= 599
}

function serverErrorMessage (request: FastifyRequest, statusCode: number): string {
  if (request.getDecorator<ChangeState>(change) === 'begun') {
    return 'The change could not be confirmed: it may or may not have been stored. It is safe to do it again.'
  }
  return statusCode === 503
    ? 'The server cannot answer this now, and nothing was changed. Try again later.'
    : 'Something went wrong on the server, and nothing was changed. Its log has the cause under this id.'
}
