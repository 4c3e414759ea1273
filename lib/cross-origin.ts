import { httpErrors } from '@fastify/sensible'
import type { FastifyRequest } from 'fastify'

/**
 * Creates the check that rejects cross-origin browser requests with 403, as browsers send cookies
 * with them. It follows Go's `http.CrossOriginProtection`: `Sec-Fetch-Site` decides; if it is
 * absent, `Origin` must match `Host`; if both are absent, the client is not a browser.
 *
 * @param trustedOrigins origins that are accepted besides the host's own
 * @returns a function that throws a 403 error if the request is cross-origin
 */
export function createOriginCheck (trustedOrigins: readonly string[]): (request: FastifyRequest) => void {
  const trusted = new Set(trustedOrigins)
  return function checkOrigin (request) {
    if (isSameOrigin(request) || trusted.has(request.headers.origin ?? '')) return
    throw httpErrors.forbidden(
      'Pages on another origin lack access to this. To allow this page, add its origin to the trusted origins of this server.'
    )
  }
}

function isSameOrigin (request: FastifyRequest): boolean {
  const { 'sec-fetch-site': site, origin } = request.headers
  if (site !== undefined) return site === 'same-origin' || site === 'none'
  if (origin === undefined) return true
  return URL.canParse(origin) && new URL(origin).host === request.host.toLowerCase()
}
