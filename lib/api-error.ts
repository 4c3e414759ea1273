import { randomUUID } from 'node:crypto'
import { httpErrors } from '@fastify/sensible'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { isStoreCalled, markErrorSent } from './store-write.ts'
import { toError, type Thrown } from './to-error.ts'

/** The names in Unleash's OpenAPI document. Other errors have the name that httpErrors gives their status. */
const documentedNames: Readonly<Record<number, string>> = {
  400: 'ValidationError',
  401: 'AuthenticationRequired',
  403: 'NoAccessError',
  404: 'NotFoundError',
  415: 'ContentTypeError'
}

/** Statuses documented with exactly `id`, `name` and `message`; Unleash's clients read `details` of all others. */
const withoutDetails: ReadonlySet<number> = new Set([401, 403, 404])

/**
 * The error handler of the admin routes: sends any error in the shape of Unleash's API and logs it
 * under the same id. Status and headers that the host's hooks have set are kept.
 */
export function sendApiError (thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const error = toError(thrown)
  if (reply.statusCode < 400) reply.code(statusOf(error))
  if (error.headers !== undefined) reply.headers(error.headers)
  // A ScimError has that of SCIM; without one, Fastify sets that of JSON.
  reply.removeHeader('content-type')

  const { statusCode } = reply
  const id = randomUUID()
  request.log[statusCode < 500 ? 'info' : 'error']({ errorId: id, err: error }, error.message)

  const name = documentedNames[statusCode] ?? httpErrors.createError(statusCode).name
  const message = statusCode < 500 ? error.message : serverErrorMessage(request, statusCode)
  const details = statusCode < 500 && Array.isArray(error.details) ? error.details : [{ message }]
  markErrorSent(request)
  reply.send(withoutDetails.has(statusCode) ? { id, name, message } : { id, name, message, details })
}

function statusOf ({ statusCode, status }: Thrown): number {
  return [statusCode, status].find(isErrorStatus) ?? 500
}

function isErrorStatus (code: number | undefined): boolean {
  return Number.isInteger(code) && Number(code) >= 400 && Number(code) <= 599
}

function serverErrorMessage (request: FastifyRequest, statusCode: number): string {
  if (isStoreCalled(request)) {
    return 'The change could not be confirmed: it may or may not have been stored. It is safe to try again.'
  }
  return statusCode === 503
    ? 'The server is temporarily unavailable, and nothing was changed. Try again later.'
    : 'Something went wrong on the server, and nothing was changed. Its log has the cause under this id.'
}
