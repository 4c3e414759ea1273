import { randomUUID } from 'node:crypto'
import type { OutgoingHttpHeaders } from 'node:http'
import { httpErrors } from '@fastify/sensible'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { publishRejection } from '../diagnostics.ts'
import { prepareErrorResponse } from '../prepare-error-response.ts'
import { read, statusOf } from '../thrown.ts'
import { adminState, contentType } from './request-state.ts'

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
 * Sends any error of the admin routes in the shape of Unleash's API and logs it under the same id. Status and
 * headers are those of {@link prepareErrorResponse}.
 *
 * Fastify calls it once for an error, and again if a hook of the host fails for the response; that
 * error is sent without hooks.
 */
export function sendApiError (thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
  if (reply.raw.headersSent) return
  const state = adminState(request)
  const isHookFailed = state.phase === 'responding'
  state.phase = 'responding'
  state.controller?.abort()

  const id = randomUUID()
  if (isHookFailed) reply.code(statusOf(thrown) ?? 500)
  const error = prepareErrorResponse(thrown, request, reply, { errorId: id })
  reply.type(contentType)

  const { statusCode } = reply
  publishRejection(request.id, error, statusCode)
  const name = documentedNames[statusCode] ?? httpErrors.createError(statusCode).name
  const message = statusCode < 500 ? error.message : serverErrorMessage(statusCode, state.isStoreCalled)
  const givenDetails = read(thrown, 'details')
  const details = statusCode < 500 && Array.isArray(givenDetails) ? givenDetails : [{ message }]
  const body = withoutDetails.has(statusCode) ? { id, name, message } : { id, name, message, details }
  if (isHookFailed) sendWithoutHooks(body, reply)
  else reply.send(body)
}

/**
 * Sends the error of an expired `handlerTimeout` at once if a hook of the host is handling a response
 * (`preParsing` hook). Fastify would send it with the body of that response, or end the process.
 */
export async function followHandlerTimeout (request: FastifyRequest, reply: FastifyReply): Promise<void> {
  if (request.routeOptions.handlerTimeout === 0) return
  const { signal } = request
  signal.addEventListener('abort', () => {
    if (read(signal.reason, 'code') !== 'FST_ERR_HANDLER_TIMEOUT') return
    const state = adminState(request)
    state.controller?.abort()
    if (state.phase === 'pending') state.phase = 'failing'
    else {
      state.phase = 'responding'
      sendApiError(signal.reason, request, reply)
    }
  })
}

/** Drops a response (`onSend` hook) if another one was sent while a hook of the host handled it. */
export function dropSecondResponse (_request: FastifyRequest, reply: FastifyReply, payload: unknown, done: (error: null, payload: unknown) => void): void {
  if (!reply.raw.headersSent) done(null, payload)
}

function sendWithoutHooks (body: object, reply: FastifyReply): void {
  const json = JSON.stringify(body)
  const own = { 'content-type': contentType, 'content-length': Buffer.byteLength(json) }
  // Those that describe the body that was not sent.
  for (const name of ['content-encoding', 'etag', 'transfer-encoding']) reply.removeHeader(name)
  try {
    reply.raw.writeHead(reply.statusCode, { ...reply.getHeaders() as OutgoingHttpHeaders, ...own })
  } catch {
    // A header of the host is not valid, and Node.js may have read from the others that the connection closes.
    reply.raw.shouldKeepAlive = false
    for (const name of reply.raw.getHeaderNames()) reply.raw.removeHeader(name)
    reply.raw.writeHead(reply.statusCode, own)
  }
  reply.raw.end(json)
}

function serverErrorMessage (statusCode: number, isStoreCalled: boolean): string {
  const causeInLog = 'The log of the server has the cause under this id.'
  if (isStoreCalled) return `The change could not be confirmed: it may or may not have been stored. It is safe to try again. ${causeInLog}`
  return statusCode === 503
    ? `The server is temporarily unavailable, and nothing was changed. Try again later. ${causeInLog}`
    : `Something went wrong on the server, and nothing was changed. ${causeInLog}`
}
