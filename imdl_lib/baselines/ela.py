"""Error level analysis (ELA).

N. Krawetz, *A Picture's Worth... Digital Image Analysis and Forensics*, Black Hat USA 2007.
A region that has been through fewer JPEG compressions than the rest changes more when the whole is
compressed once more. Edges and texture change more, too: the map is to be read against them.
"""

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

JPEG_QUALITY = 90
SCALE = 15


def score_map(image_u8: UInt8[np.ndarray, "H W 3"]) -> Float32[np.ndarray, "H W"]:
    r"""How much each pixel of an RGB photo changes when the photo is compressed once more.

    .. math:: s = \min\left(1, \frac{15}{255} \cdot \frac{1}{3} \sum_{c} |I_c - J_{90}(I)_c|\right)

    ============  =====  ===========================================
    parameter     value  meaning
    ============  =====  ===========================================
    JPEG_QUALITY  90     of the compression J, chroma at half size
    SCALE         15     factor that makes small differences visible
    ============  =====  ===========================================

    Returns:
        Scores in [0, 1], high where the photo has probably been compressed less often before.
    """
    settings = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    _, jpeg = cv2.imencode(".jpg", image_u8[..., ::-1], settings)
    again = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)[..., ::-1]
    change = cv2.absdiff(image_u8, np.ascontiguousarray(again)).mean(2, dtype=np.float32)
    return np.minimum(change * (SCALE / 255), 1)
