import { httpErrors } from '@fastify/sensible'
import type { FastifyRequest, preParsingAsyncHookHandler, preValidationAsyncHookHandler } from 'fastify'
import { isErrorSent } from './store-write.ts'

/** Request decorator for the timer of {@link BodyTimeout}. */
export const bodyTimer = Symbol('fastify-scim-token.bodyTimer')

/** The hooks that limit how long a request body may take to arrive. */
export interface BodyTimeout {
  /** A `preParsing` hook. */
  start: preParsingAsyncHookHandler
  /** A `preValidation` hook. */
  stop: preValidationAsyncHookHandler
}

/**
 * Creates hooks that send 408 if a body takes too long after access was checked: the session of the
 * user may have ended meanwhile.
 *
 * @param timeout milliseconds; 0 for no limit
 */
export function createBodyTimeout (timeout: number): BodyTimeout {
  return {
    async start (request, reply) {
      if (timeout === 0) return
      request.setDecorator(bodyTimer, setTimeout(() => {
        if (!reply.sent && !isErrorSent(request)) reply.send(bodyTimedOut(request, timeout))
      }, timeout).unref())
    },

    async stop (request) {
      clearTimeout(request.getDecorator<NodeJS.Timeout | undefined>(bodyTimer))
    }
  }
}

function bodyTimedOut ({ raw }: FastifyRequest, timeout: number): Error {
  const message = `The request body did not arrive within ${timeout} ms, and nothing was changed.`
  // RFC 9113, section 8.2.2: HTTP/2 has no such header.
  const headers = raw.httpVersionMajor === 1 ? { connection: 'close' } : {}
  return httpErrors.createError(408, message, { headers })
}
