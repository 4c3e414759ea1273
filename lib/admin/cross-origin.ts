import { inspect } from 'node:util'
import { httpErrors } from '@fastify/sensible'
import type { FastifyRequest } from 'fastify'
import { parseOrigin } from '../origin.ts'

/**
 * Creates the check that rejects cross-origin browser requests with 403, because browsers send
 * cookies with them. It follows Go's `http.CrossOriginProtection`: `Sec-Fetch-Site` decides; if it
 * is absent, `Origin` must match `Host`; if both are absent, the client is not a browser.
 *
 * @param trustedOrigins origins that are accepted besides the host's own
 * @returns a function that throws a 403 error if the request is cross-origin
 */
export function createOriginCheck (trustedOrigins: readonly string[]): (request: FastifyRequest) => void {
  const trusted = new Set<string | undefined>(trustedOrigins)
  return function checkOrigin (request) {
    if (isSameOrigin(request) || trusted.has(request.headers.origin)) return
    throw httpErrors.createError(403, otherOriginMessage, {
      code: 'SCIM_ADMIN_CROSS_ORIGIN',
      cause: new Error(`compared ${inspect(comparedHeaders(request))}`)
    })
  }
}

const otherOriginMessage = 'Pages on another origin lack access to this. To allow this page, add its origin to the trusted origins of ' +
  'this server. If it is a page of this server behind a proxy, the proxy must forward the original host; the log has what was compared.'

/** Returns what the check compared, for the log line of the error. */
function comparedHeaders (request: FastifyRequest) {
  const { 'sec-fetch-site': secFetchSite, origin } = request.headers
  return { secFetchSite, origin, host: request.host.toLowerCase() }
}

function isSameOrigin (request: FastifyRequest): boolean {
  const { secFetchSite, origin, host } = comparedHeaders(request)
  if (secFetchSite !== undefined) return secFetchSite === 'same-origin' || secFetchSite === 'none'
  if (origin === undefined) return true
  const page = parseOrigin(origin)
  // The scheme is that of the page, as a proxy in front may terminate TLS.
  return page !== undefined && page === parseOrigin(`${new URL(page).protocol}//${host}`)
}
