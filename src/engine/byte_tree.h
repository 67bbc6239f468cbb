/*
 * byte_tree.h
 *	  Many strings as one tree of bytes: what a search for all of them at once walks over.
 *
 * The owner keeps the tree, static and zero, grows it once, and hangs a number of its own on the nodes
 * where its strings end.
 */
#ifndef EV_BYTE_TREE_H
#define EV_BYTE_TREE_H

#include <stdbool.h>
#include <stdint.h>

#define EV_BYTE_TREE_NODES 20480

struct ev_byte_node
{
	uint32_t hints;   /* a bit for each byte that follows, by its last five bits */
	uint16_t child;   /* the first of the bytes that follow; 0: none */
	uint16_t sibling; /* another one at the same place; 0: none */
	uint16_t owned;   /* the owner's; 0 in a new node */
	unsigned char byte;
};

struct ev_byte_tree
{
	uint16_t n;          /* nodes; number 0 is none */
	uint16_t first[256]; /* nodes of first bytes */
	struct ev_byte_node node[EV_BYTE_TREE_NODES];
};

/* The node of a byte behind another one; 0: there is none. */
static inline uint16_t
ev_byte_tree_child(const struct ev_byte_tree *tree, uint16_t node, unsigned char byte)
{
	uint16_t child;

	if ((tree->node[node].hints >> byte % 32 & 1) == 0)
		return 0;
	for (child = tree->node[node].child; child != 0; child = tree->node[child].sibling)
		if (tree->node[child].byte == byte)
			break;
	return child;
}

/* The same, made if it is not there yet; behind node 0 is the first byte.  0: there is no room. */
static inline uint16_t
ev_byte_tree_grow(struct ev_byte_tree *tree, uint16_t node, unsigned char byte)
{
	uint16_t child = node == 0 ? tree->first[byte] : ev_byte_tree_child(tree, node, byte);

	if (child != 0 || tree->n + 1 >= EV_BYTE_TREE_NODES)
		return child;
	child = ++tree->n;
	tree->node[child].byte = byte;
	if (node == 0)
		tree->first[byte] = child;
	else
	{
		tree->node[child].sibling = tree->node[node].child;
		tree->node[node].child = child;
		tree->node[node].hints |= (uint32_t) 1 << byte % 32;
	}
	return child;
}

#endif
