import { once } from 'node:events'
import express from 'express'
import { generatePath, permissions, resolver } from '../contestants/work.js'
import { generateToken, hashToken } from '../../dist/token.js'

/** The same work in a handler of Express, Unleash's framework, as it comes. */
export async function start () {
  const records = new Map()
  const app = express()
  app.post(generatePath, (request, response) => {
    const user = resolver.authenticate(request)
    if (user === null) return response.status(401).json({})
    if (!resolver.authorize(user, permissions)) return response.status(403).json({})
    const token = generateToken()
    records.set('default', { hash: hashToken(token), createdAt: new Date() })
    response.set('cache-control', 'no-store').json({ token })
  })
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: server.address().port, token: '' }
}
