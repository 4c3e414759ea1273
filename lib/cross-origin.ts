import { httpErrors } from '@fastify/sensible'
import type { FastifyRequest } from 'fastify'

/**
 * Makes the function that refuses with 403 what a page on another origin lets a browser send,
 * cookies and all. The rules are those of Go's `http.CrossOriginProtection`: `Sec-Fetch-Site`
 * decides; browsers that lack it are held to their `Origin`; where both are absent it is no browser.
 *
 * @param trustedOrigins origins that are let in besides the host's own
 */
export function crossOriginGuard (trustedOrigins: readonly string[]): (request: FastifyRequest) => void {
  const trusted = new Set(trustedOrigins)
  return function (request) {
    if (isSameOrigin(request) || trusted.has(request.headers.origin ?? '')) return
    throw httpErrors.forbidden(
      'A page on another origin may not do this. If that page is yours, its origin belongs in the trusted origins of this server.'
    )
  }
}

function isSameOrigin (request: FastifyRequest): boolean {
  const { 'sec-fetch-site': site, origin } = request.headers
  if (site !== undefined) return site === 'same-origin' || site === 'none'
  if (origin === undefined) return true
  return URL.canParse(origin) && new URL(origin).host === request.host.toLowerCase()
}
