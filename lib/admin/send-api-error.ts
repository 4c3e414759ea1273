import { randomUUID } from 'node:crypto'
import { httpErrors } from '@fastify/sensible'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { prepareErrorResponse } from '../prepare-error-response.ts'
import { read } from '../thrown.ts'
import { adminState } from './request-state.ts'

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
  const state = adminState(request)
  const isStoreCalled = state.phase === 'store called'
  state.phase = 'error sent'
  state.controller?.abort()

  const id = randomUUID()
  const error = prepareErrorResponse(thrown, request, reply, { errorId: id })
  // A ScimError has that of SCIM; without one, Fastify sets that of JSON.
  reply.removeHeader('content-type')

  const { statusCode } = reply
  const name = documentedNames[statusCode] ?? httpErrors.createError(statusCode).name
  const message = statusCode < 500 ? error.message : serverErrorMessage(statusCode, isStoreCalled)
  const givenDetails = read(thrown, 'details')
  const details = statusCode < 500 && Array.isArray(givenDetails) ? givenDetails : [{ message }]
  reply.send(withoutDetails.has(statusCode) ? { id, name, message } : { id, name, message, details })
}

/** @param isStoreCalled whether the store was called for a write: the client cannot know its outcome */
function serverErrorMessage (statusCode: number, isStoreCalled: boolean): string {
  if (isStoreCalled) {
    return 'The change could not be confirmed: it may or may not have been stored. It is safe to try again.'
  }
  return statusCode === 503
    ? 'The server is temporarily unavailable, and nothing was changed. Try again later.'
    : 'Something went wrong on the server, and nothing was changed. Its log has the cause under this id.'
}
