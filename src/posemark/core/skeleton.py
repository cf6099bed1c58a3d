"""Sets of key points with their left-right pairs, limbs for drawing and OKS sigmas."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Skeleton:
    """A set of K key points.

    Attributes:
        name: its name in records and in outputs.
        keypoints: K names.
        flip_pairs: 0-based (left, right) indices of key points that mirroring exchanges.
        limbs: 0-based index pairs of the key points that a drawing connects.
        sigmas: K standard deviations of the annotations, relative to the person's scale, as OKS
            uses them.
    """

    name: str
    keypoints: tuple[str, ...]
    flip_pairs: tuple[tuple[int, int], ...]
    limbs: tuple[tuple[int, int], ...]
    sigmas: tuple[float, ...]

    def mirrored(self) -> tuple[int, ...]:
        """Return, for every key point, the index of its counterpart in a mirrored image."""
        order = list(range(len(self.keypoints)))
        for left, right in self.flip_pairs:
            order[left], order[right] = right, left
        return tuple(order)


# Names, limbs and sigmas: the COCO key-point task (cocodataset.org, pycocotools).
COCO_17 = Skeleton(
    name="coco-17",
    keypoints=(
        "nose",
        *("left_eye", "right_eye", "left_ear", "right_ear"),
        *("left_shoulder", "right_shoulder", "left_elbow", "right_elbow"),
        *("left_wrist", "right_wrist", "left_hip", "right_hip"),
        *("left_knee", "right_knee", "left_ankle", "right_ankle"),
    ),
    flip_pairs=((1, 2), (3, 4), (5, 6), (7, 8), (9, 10), (11, 12), (13, 14), (15, 16)),
    limbs=(
        *((15, 13), (13, 11), (16, 14), (14, 12), (11, 12), (5, 11), (6, 12), (5, 6)),
        *((5, 7), (6, 8), (7, 9), (8, 10), (1, 2), (0, 1), (0, 2), (1, 3), (2, 4)),
        *((3, 5), (4, 6)),
    ),
    sigmas=(
        *(0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072),
        *(0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089, 0.089),
    ),
)
