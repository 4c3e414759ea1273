import { createServer } from 'node:http'
import express from 'express'
import { createHost, generatePath, permissions } from '../contestants/work.js'
import { generateToken, hashToken } from '../../dist/token.js'

/** The same work in a handler of Express, Unleash's framework, with its default settings. */
export async function start ({ promises }) {
  const { token, resolver, store } = await createHost({ promises })
  const app = express()
  app.post(generatePath, async (request, response) => {
    const user = await resolver.authenticate(request)
    if (user === null) return response.status(401).json({})
    if (!await resolver.authorize(user, permissions)) return response.status(403).json({})

    const token = generateToken()
    if (!await store.replace({ hash: hashToken(token), createdAt: new Date() }, { user })) return response.status(404).json({})
    response.set('cache-control', 'no-store').json({ token })
  })
  return { server: createServer(app), token }
}
