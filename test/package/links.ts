import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, normalize } from 'node:path'

/** Returns each relative link in the Markdown files of a folder that leads to no file or to no heading in it. */
export async function findBrokenLinks (folder: string): Promise<string[]> {
  const files = (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => normalize(join(entry.parentPath, entry.name)))
  const anchors = new Map<string, Set<string>>()
  const texts = new Map<string, string>()
  for (const file of files.filter((name) => name.endsWith('.md'))) {
    const text = (await readFile(file, 'utf8')).replaceAll(/^```.*?^```$/gms, '')
    texts.set(file, text)
    anchors.set(file, findAnchors(text))
  }

  const broken = []
  for (const [file, text] of texts) {
    for (const [, link = ''] of text.matchAll(/\]\(((?!https?:)[^)]+)\)/g)) {
      const [path = '', anchor] = link.split('#')
      const target = path === '' ? file : normalize(join(dirname(file), path))
      const leads = files.includes(target) && (anchor === undefined || anchors.get(target)?.has(anchor))
      if (!leads) broken.push(`${file.slice(folder.length + 1)}: ${link}`)
    }
  }
  return broken
}

/** Returns the anchors that GitHub gives to the headings of a file. */
function findAnchors (markdown: string): Set<string> {
  const anchors = new Set<string>()
  for (const [, heading = ''] of markdown.matchAll(/^#+ (.+)$/gm)) {
    const anchor = heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-')
    let unique = anchor
    for (let i = 1; anchors.has(unique); i++) unique = `${anchor}-${i}`
    anchors.add(unique)
  }
  return anchors
}
