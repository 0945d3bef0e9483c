// `@layout`: how the compiler lays a structure out in memory. The compiler is asked; nothing is known here.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { escape } from "./html.mjs";
import { run } from "./runs.mjs";

const headers = ["sys/types.h", "sys/socket.h", "sys/un.h", "sys/uio.h", "sys/time.h", "netinet/in.h", "netinet/ip.h", "netinet/ip6.h",
  "netinet/ip_icmp.h", "netinet/icmp6.h", "netinet/tcp.h", "netinet/udp.h", "net/ethernet.h", "net/if.h", "net/if_arp.h", "netdb.h",
  "netpacket/packet.h", "poll.h", "ifaddrs.h", "linux/errqueue.h"];

/**
 * @typedef {{name: string, type: string, offset: number, size: number}} Member
 * @returns {Promise<{size: number, members: Member[]} | {error: string}>}
 */
export async function layoutOf(structure) {
  const folder = mkdtempSync(join(tmpdir(), "wirelab-layout-"));
  try {
    const source = join(folder, "layout.cc");
    writeFileSync(source, headers.map((name) => `#include <${name}>\n`).join("") + `struct ${structure} wanted;\nunsigned long size = sizeof(wanted);\n`);
    const { status, output } = await run("clang++", ["-fsyntax-only", "-Xclang", "-fdump-record-layouts", source]);
    if (status !== 0) return { error: output.split("\n").find((line) => line.includes("error:")) ?? output };
    return parse(structure, output);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Reads clang's table: `offset | type name`, members of members indented further. */
function parse(structure, output) {
  const block = output.split("*** Dumping AST Record Layout").find((text) => new RegExp(`^\\s*0 \\| (struct|union|class) ${structure}\\b`).test(text));
  const size = Number(block?.match(/\[sizeof=(\d+)/)?.[1]);
  if (!size) return { error: `the compiler knows no structure ${structure}` };
  const members = [];
  for (const line of block.split("\n")) {
    const [, offset, bits, type, name] = line.match(/^\s*(\d+)(?::(\d+-\d+))? \|   (\S.*?) ?(\w+)$/) ?? [];
    if (name) members.push({ name, type: bits ? `${type}, bits ${bits}` : type, offset: Number(offset) });
  }
  members.forEach((member, i) => {
    const next = members.slice(i + 1).find(({ offset }) => offset > member.offset);
    member.size = (next?.offset ?? size) - member.offset;
  });
  return { size, members };
}

/** The structure as a strip of bytes, and a table. */
export function renderLayout(structure, { size, members }) {
  const cells = members
    .filter((member, i) => members[i - 1]?.offset !== member.offset)
    .map((member) => `<span style="flex-grow:${member.size}"><b>${escape(member.name)}</b><small>${member.offset}</small></span>`);
  const rows = members.map(
    (member) => `<tr><td>${member.offset}</td><td>${member.size}</td><td><code>${escape(member.type)}</code></td><td><code>${escape(member.name)}</code></td></tr>`,
  );
  return [
    `<div class="layout"><div class="bytes" aria-hidden="true">${cells.join("")}</div>`,
    `<table><thead><tr><th>offset</th><th>bytes</th><th>type</th><th>member of <code>${escape(structure)}</code></th></tr></thead>`,
    `<tbody>${rows.join("")}</tbody><tfoot><tr><td></td><td>${size}</td><td colspan="2">in all</td></tr></tfoot></table></div>`,
  ].join("");
}
