import type { FastifyRequest } from 'fastify'

// Links to set a password and invitations have their token in the query or the path, API tokens theirs in the path.
const secretSegment = /(\/(?:api-tokens|invite|invite-link\/tokens)\/)[^/]+/gi

/** Serializers of the log: what a URL has besides its path is left out, and so are the tokens in a path. */
export const serializers = {
  req: ({ method, url, host, ip }: FastifyRequest) => ({
    method,
    url: url.replace(/[?#].*$/s, '').replace(secretSegment, '$1***'),
    host,
    remoteAddress: ip
  })
}
