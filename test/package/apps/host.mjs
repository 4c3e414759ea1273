export const resolver = {
  authenticate: ({ headers }) => headers.authorization === 'admin' ? { name: 'admin' } : null,
  authorize: (user, permissions) => permissions.includes('ADMIN')
}

/** Prints what the app answers over a socket. */
export async function generate (app) {
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  const answer = await fetch(`${address}/api/admin/scim-settings/generate-new-token`, {
    method: 'POST',
    headers: { authorization: 'admin' }
  })
  console.log(answer.status, await answer.text())
  await app.close()
}
